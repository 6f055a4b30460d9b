"""What an encoder tells a network beside the label: the vectors behind its answers, and those of single words.

Vectors of comments are guessed in training, so that the network hears why and not only what. After Romero et al. 2015,
"FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550): a linear layer guesses them from what the logit is computed from,
and is thrown away after training. Vectors of words are what the network's own begin with: most words are too rare to
learn much about from comments alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

Vectors = NDArray[numpy.float16]
# Gives the vectors (words, width) of single words.
OfWords = Callable[[Sequence[str]], Vectors]
# Principal components that are kept of a comment's vector, and vectors that these are found by.
COMPONENTS = 128
FOUND_BY = 50_000


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


def gather_hints(keys: Sequence[str], vectors: Vectors) -> Hints:
    """``vectors`` (comments, width) of the comments ``keys`` in few numbers, whose squares sum to 1 on average."""
    mean, axes, variance = _principal(torch.from_numpy(_spread(vectors).astype(numpy.float32)), COMPONENTS)
    reduced = torch.empty(len(vectors), axes.shape[1], dtype=torch.float16)
    for start in range(0, len(vectors), FOUND_BY):
        chunk = torch.from_numpy(vectors[start : start + FOUND_BY].astype(numpy.float32))
        reduced[start : start + FOUND_BY] = ((chunk - mean) @ axes * variance**-0.5).half()
    return Hints({key: row for row, key in enumerate(keys)}, reduced)


def begin_words(vectors: Vectors, width: int, deviation: float) -> Tensor:
    """The principal components (words, width) of the directions of ``vectors`` from their mean, so spread about 0.

    Where the vectors are narrower than ``width``, noughts fill the rest.
    """
    directions = directions_from_mean(vectors)
    mean, axes, _ = _principal(directions, width)
    begun = torch.zeros(len(vectors), width)
    begun[:, : axes.shape[1]] = (directions - mean) @ axes
    return begun * (deviation / begun.std())


def directions_from_mean(vectors: Vectors) -> Tensor:
    """Unit vectors (words, width) float32 from the mean of ``vectors`` to each of them."""
    whole = torch.from_numpy(vectors.astype(numpy.float32))
    return normalize(whole - whole.mean(0))


def missed(guesses: Tensor, vectors: Tensor, weights: Tensor) -> Tensor:
    """The share of the hints' variance that ``guesses`` (comments, width) miss, their mean by ``weights``."""
    return ((guesses - vectors).square().sum(1) * weights).sum() / weights.sum()


def _spread(vectors: Vectors) -> Vectors:
    """About ``FOUND_BY`` of them, from all over."""
    return vectors[:: max(1, len(vectors) // FOUND_BY)]


def _principal(vectors: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
    """Mean (width), the ``count`` axes (width, count) of most variance, the greatest last, and the variance on them."""
    mean = vectors.mean(0)
    variances, axes = torch.linalg.eigh((vectors - mean).T @ (vectors - mean) / len(vectors))
    return mean, axes[:, -count:], float(variances[-count:].sum())
