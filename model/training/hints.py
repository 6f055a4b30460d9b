"""Vectors that a network learns to guess next to the label, so that it learns why and not only what.

After Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550): a linear layer guesses them from what
the logit is computed from, and is thrown away after training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Hints:
    """``vectors`` (comments, width) float16, and the row of each comment by its digest."""

    rows: Mapping[str, int]
    vectors: Tensor

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.vectors.shape[1]

    def places(self, keys: Sequence[str]) -> Tensor:
        """The row (comments) int64 of each comment in ``keys``, -1 where there is no hint."""
        return torch.tensor([self.rows.get(key, -1) for key in keys])


def missed(guesses: Tensor, vectors: Tensor, weights: Tensor) -> Tensor:
    """The share of the hints' variance that ``guesses`` (comments, width) miss, their mean by ``weights``."""
    return ((guesses - vectors).square().sum(1) * weights).sum() / weights.sum()
