"""How well probabilities fit labels: accuracy, recall of each class, macro-F1, calibration, and the uncertain band."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Truth = NDArray[numpy.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """All within 0..1; ``calibration_error`` is the expected one over 15 equal bins of the probability.

    A recall is None where no comment has that label, and ``macro_f1`` where either label is missing: undefined.
    """

    n: int
    accuracy: float
    macro_f1: float | None
    recall_positive: float | None
    recall_negative: float | None
    calibration_error: float


def score(probabilities: Sequence[float] | Floats, positive: Sequence[bool] | Truth) -> Scores:
    """Compare the probabilities of positive with the truth; both have one entry a comment, at least one."""
    guess = numpy.asarray(probabilities, dtype=numpy.float64)
    truth = numpy.asarray(positive, dtype=numpy.bool_)
    said = guess >= 0.5
    recall_positive, f1_positive = _recall_and_f1(truth, said)
    recall_negative, f1_negative = _recall_and_f1(~truth, ~said)
    return Scores(
        n=len(truth),
        accuracy=float((said == truth).mean()),
        macro_f1=None if f1_positive is None or f1_negative is None else (f1_positive + f1_negative) / 2,
        recall_positive=recall_positive,
        recall_negative=recall_negative,
        calibration_error=calibration_error(guess, truth),
    )


def show(figure: float | None, digits: int) -> str:
    """A figure for people; ``-`` where it is undefined."""
    return "-" if figure is None else f"{figure:.{digits}f}"


def _recall_and_f1(right: Truth, claimed: Truth) -> tuple[float | None, float | None]:
    """Of one class; None where no comment belongs to it."""
    members, hits = int(right.sum()), int((right & claimed).sum())
    if not members:
        return None, None
    return hits / members, 2 * hits / (members + int(claimed.sum()))


def calibration_error(probabilities: Floats, truth: Truth, bins: int = 15) -> float:
    """Expected calibration error: the distance of probability and truth, mean over equal bins by their rows."""
    places = numpy.minimum((probabilities * bins).astype(int), bins - 1)
    distance = 0.0
    for place in numpy.unique(places):
        inside = places == place
        distance += float(inside.mean()) * abs(float(probabilities[inside].mean() - truth[inside].mean()))
    return distance


def uncertain_band(probabilities: Floats, share: float) -> tuple[float, float]:
    """The band around 0.5 that holds this share of the probabilities: where the model errs most."""
    margin = float(numpy.quantile(numpy.abs(probabilities - 0.5), share))
    return round(0.5 - margin, 4), round(0.5 + margin, 4)


@dataclass(frozen=True, slots=True)
class BandScores:
    """``share`` of the comments inside of the uncertain band, and the accuracies on both sides of its border.

    An accuracy is None where there are no comments: undefined.
    """

    share: float
    accuracy_inside: float | None
    accuracy_outside: float | None


def score_band(probabilities: Floats, truth: Truth, low: float, high: float) -> BandScores:
    """How the uncertain band does on these comments."""
    inside = (probabilities >= low) & (probabilities <= high)
    right = (probabilities >= 0.5) == truth
    return BandScores(float(inside.mean()), _mean(right[inside]), _mean(right[~inside]))


def _mean(values: Truth) -> float | None:
    return float(values.mean()) if len(values) else None
