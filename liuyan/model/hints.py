"""Vectors of a teacher that a network learns to guess beside the label, so that it hears why and not only what.

After Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550): a linear layer guesses them from what
the logit is computed from, and is thrown away after training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

# Principal components that are kept, and vectors that these are found by.
COMPONENTS = 128
FOUND_BY = 50_000


@dataclass(frozen=True, slots=True)
class Hints:
    """``vectors`` (comments, width) float16 and the row of each comment by its digest."""

    rows: Mapping[str, int]
    vectors: Tensor

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.vectors.shape[1]

    def places(self, keys: Sequence[str]) -> Tensor:
        """The row (comments) int64 of each comment in ``keys``, -1 where there is no hint."""
        return torch.tensor([self.rows.get(key, -1) for key in keys])


def reduce(keys: Sequence[str], vectors: NDArray[numpy.float16]) -> Hints:
    """The principal components of ``vectors`` (comments, width) about their mean; their squares sum to 1 on average."""
    some = torch.from_numpy(vectors[:: max(1, len(vectors) // FOUND_BY)].astype(numpy.float32))
    mean = some.mean(0)
    variances, axes = torch.linalg.eigh((some - mean).T @ (some - mean) / len(some))  # smallest first
    axes = axes[:, -COMPONENTS:] * variances[-COMPONENTS:].sum().rsqrt()
    reduced = torch.empty(len(vectors), axes.shape[1], dtype=torch.float16)
    for start in range(0, len(vectors), FOUND_BY):
        chunk = torch.from_numpy(vectors[start : start + FOUND_BY].astype(numpy.float32))
        reduced[start : start + FOUND_BY] = ((chunk - mean) @ axes).half()
    return Hints({key: row for row, key in enumerate(keys)}, reduced)


def missed(guesses: Tensor, vectors: Tensor, weights: Tensor) -> Tensor:
    """The share of the hints' variance that ``guesses`` (comments, width) miss, their mean by ``weights``."""
    return ((guesses - vectors).square().sum(1) * weights).sum() / weights.sum()
