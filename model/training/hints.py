"""Hints: vectors of a teacher that a network learns to predict in addition to the label.

After Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550). A linear layer predicts them from the
pooled states; it is discarded after training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Hints:
    """``vectors`` (comments, width), float16, and the row of each comment by its digest."""

    rows: Mapping[str, int]
    vectors: Tensor

    @property
    def width(self) -> int:
        """The width of a vector."""
        return self.vectors.shape[1]

    def places(self, keys: Sequence[str]) -> Tensor:
        """Return the row of each comment in ``keys``, int64 (comments); -1 without a hint."""
        return torch.tensor([self.rows.get(key, -1) for key in keys])


def hint_loss(guesses: Tensor, vectors: Tensor, weights: Tensor) -> Tensor:
    """Return the share of the hints' variance that ``guesses`` (comments, width) do not explain, weighted."""
    return ((guesses - vectors).square().sum(1) * weights).sum() / weights.sum()
