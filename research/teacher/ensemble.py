"""Several teachers as one: a logistic regression on their logits, learnt on validation.

Of a comment that not all of them answered, those that did are taken, with weights of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from model.training.data import Comment

# What each of some teachers said of comments by digest.
Said = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """``weights`` of the logits by teacher, and what is added to their sum."""

    weights: Mapping[str, float]
    shift: float

    def probability(self, logits: Mapping[str, float]) -> float:
        """Probability of positive, from the logits of its teachers."""
        total = sum(weight * logits[name] for name, weight in self.weights.items()) + self.shift
        return float(1 / (1 + numpy.exp(-total)))


def fit(said: Said, names: Sequence[str], validation: Mapping[str, Comment]) -> Ensemble:
    """Weights, none below nought, for the teachers ``names`` on the validation comments that all of them answered."""
    keys = [key for key in validation if all(key in said[name] for name in names)]
    logits = torch.tensor([[said[name][key] for name in names] for key in keys])
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
    """A set counts as the root of its size: a large one shall not decide alone."""
    sizes: dict[str, int] = {}
    for comment in comments:
        sizes[comment.source] = sizes.get(comment.source, 0) + 1
    weights = torch.tensor([sizes[comment.source] ** -0.5 for comment in comments])
    return weights / weights.mean()


def answer(said: Said, keys: Sequence[str], validation: Mapping[str, Comment]) -> dict[str, float]:
    """Probabilities by digest for the comments ``keys`` that at least one teacher answered."""
    fitted: dict[tuple[str, ...], Ensemble] = {}
    answers = {}
    for key in keys:
        names = tuple(name for name in said if key in said[name])
        if not names:
            continue
        if names not in fitted:
            fitted[names] = fit(said, names, validation)
        answers[key] = fitted[names].probability({name: said[name][key] for name in names})
    return answers
