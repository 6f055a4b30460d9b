"""Combine teachers with a logistic regression on their logits, fitted on validation.

If only some teachers answered a comment, separate weights are fitted for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from model.training.data import Comment

# Logits by teacher and digest.
Known = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """``weights`` of the logits by teacher, and the ``shift`` of their weighted sum."""

    weights: Mapping[str, float]
    shift: float

    def probability(self, logits: Mapping[str, float]) -> float:
        """Return the probability of positive for the logits by teacher."""
        total = sum(weight * logits[name] for name, weight in self.weights.items()) + self.shift
        return float(1 / (1 + numpy.exp(-total)))


def fit(known: Known, names: Sequence[str], validation: Mapping[str, Comment]) -> Ensemble:
    """Fit non-negative weights for the teachers ``names`` on the validation comments that all of them answered."""
    keys = [key for key in validation if all(key in known[name] for name in names)]
    logits = torch.tensor([[known[name][key] for name in names] for key in keys])
    truth = torch.tensor([float(validation[key].positive) for key in keys])
    importance = balanced_weights([validation[key] for key in keys])
    roots = torch.full((len(names),), len(names) ** -0.5, requires_grad=True)
    shift = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([roots, shift], max_iter=200)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = binary_cross_entropy_with_logits(logits @ roots.square() + shift, truth, importance)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return Ensemble(dict(zip(names, roots.detach().square().tolist(), strict=True)), shift.item())


def balanced_weights(comments: Sequence[Comment]) -> Tensor:
    """Weight each data set by the square root of its size, so that large ones do not dominate."""
    sizes: dict[str, int] = {}
    for comment in comments:
        sizes[comment.source] = sizes.get(comment.source, 0) + 1
    weights = torch.tensor([sizes[comment.source] ** -0.5 for comment in comments])
    return weights / weights.mean()


def answer(known: Known, keys: Sequence[str], validation: Mapping[str, Comment]) -> dict[str, float]:
    """Return probabilities by digest for those of ``keys`` that at least one teacher answered."""
    fitted: dict[tuple[str, ...], Ensemble] = {}
    answers = {}
    for key in keys:
        names = tuple(name for name in known if key in known[name])
        if not names:
            continue
        if names not in fitted:
            fitted[names] = fit(known, names, validation)
        answers[key] = fitted[names].probability({name: known[name][key] for name in names})
    return answers
