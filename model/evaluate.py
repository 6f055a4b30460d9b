"""Score probabilities against labels: accuracy, recall, macro-F1, calibration and the uncertain band."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Truth = NDArray[numpy.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores within 0..1. ``calibration_error`` is the expected calibration error over 15 equal bins.

    A recall is None when no comment has that label. ``macro_f1`` is None when either label is missing.
    """

    n: int
    accuracy: float
    macro_f1: float | None
    recall_positive: float | None
    recall_negative: float | None
    calibration_error: float


def score(probabilities: Sequence[float] | Floats, positive: Sequence[bool] | Truth) -> Scores:
    """Compare probabilities of positive with the labels. Both have one entry per comment, at least one."""
    guess = numpy.asarray(probabilities, dtype=numpy.float64)
    truth = numpy.asarray(positive, dtype=numpy.bool_)
    predicted = guess >= 0.5
    recall_positive, f1_positive = _recall_and_f1(truth, predicted)
    recall_negative, f1_negative = _recall_and_f1(~truth, ~predicted)
    return Scores(
        n=len(truth),
        accuracy=float((predicted == truth).mean()),
        macro_f1=None if f1_positive is None or f1_negative is None else (f1_positive + f1_negative) / 2,
        recall_positive=recall_positive,
        recall_negative=recall_negative,
        calibration_error=calibration_error(guess, truth),
    )


def show(figure: float | None, digits: int) -> str:
    """Format a score; ``-`` when it is undefined."""
    return "-" if figure is None else f"{figure:.{digits}f}"


def _recall_and_f1(actual: Truth, claimed: Truth) -> tuple[float | None, float | None]:
    """Return recall and F1 of one class; None when no comment belongs to it."""
    members, hits = int(actual.sum()), int((actual & claimed).sum())
    if not members:
        return None, None
    return hits / members, 2 * hits / (members + int(claimed.sum()))


def calibration_error(probabilities: Floats, truth: Truth, bins: int = 15) -> float:
    """Return the expected calibration error: the mean distance of probability and truth over equal bins, by rows."""
    places = numpy.minimum((probabilities * bins).astype(int), bins - 1)
    distance = 0.0
    for place in numpy.unique(places):
        inside = places == place
        distance += float(inside.mean()) * abs(float(probabilities[inside].mean() - truth[inside].mean()))
    return distance


def uncertain_band(probabilities: Floats, share: float) -> tuple[float, float]:
    """Return the band around 0.5 that contains this share of the probabilities."""
    margin = float(numpy.quantile(numpy.abs(probabilities - 0.5), share))
    return round(0.5 - margin, 4), round(0.5 + margin, 4)


def within(probabilities: Floats, low: float, high: float) -> Truth:
    """Return which probabilities lie in the uncertain band ``low .. high``."""
    inside: Truth = (probabilities >= low) & (probabilities <= high)
    return inside


@dataclass(frozen=True, slots=True)
class BandScores:
    """The ``share`` of comments inside the uncertain band, and the accuracy inside and outside it.

    An accuracy is None when there are no comments.
    """

    share: float
    accuracy_inside: float | None
    accuracy_outside: float | None


def score_band(probabilities: Floats, truth: Truth, low: float, high: float) -> BandScores:
    """Measure the uncertain band on these comments."""
    inside = within(probabilities, low, high)
    correct = (probabilities >= 0.5) == truth
    return BandScores(float(inside.mean()), _mean(correct[inside]), _mean(correct[~inside]))


def _mean(values: Truth) -> float | None:
    return float(values.mean()) if len(values) else None
