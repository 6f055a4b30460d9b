"""Compare two models on the same judged comments: accuracy, macro-F1, calibration and McNemar's test.

Everything is computed from counts, so the cost does not depend on the number of comments. Intervals are 95 %: Wilson's
for accuracy, otherwise percentiles of a bootstrap over the comments (Efron and Tibshirani 1993, chapter 13) with a
fixed seed, so equal counts have equal intervals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, erfc, sqrt

import numpy
from numpy.typing import NDArray

from store.intervals import wilson

Counts = NDArray[numpy.int64]
Values = NDArray[numpy.float64]
# A probability's place among FINE equal bins. Each of the CALIBRATION_BINS, over which the calibration error is
# computed, consists of whole fine bins, so drawing fine bins again draws the error with an accuracy of 1 / FINE.
CALIBRATION_BINS = 15
FINE = 64 * CALIBRATION_BINS
DRAWS = 1_000
SEED = 22
ENDS = (2.5, 97.5)
# With fewer comments there is no interval: bootstrap samples of so few comments differ too little.
FEWEST = 10
# Up to this many comments on which exactly one model is right, the test is exact; it then takes milliseconds.
EXACT = 1_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval. All are None if it is undefined, the ends for fewer than FEWEST comments."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Judgements:
    """Judged comments, counted.

    ``joint[truth, old, new]`` counts comments by the decided label and the two models' labels, each 0 for negative and
    1 for positive. ``old_bins[bin, truth]`` and ``new_bins[bin, truth]`` count them by fine bin, and ``old_sums`` and
    ``new_sums`` add up the probabilities in each.
    """

    joint: Counts
    old_bins: Counts
    old_sums: Values
    new_bins: Counts
    new_sums: Values


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test of the hypothesis that both models are equally accurate.

    ``only_old_right`` and ``only_new_right`` count the comments on which exactly one model is right; ``p`` is
    two-sided. ``exact`` is whether the binomial distribution was used instead of the chi-squared approximation.
    """

    only_old_right: int
    only_new_right: int
    p: float
    exact: bool


def fine_bin(probability: float) -> int:
    """Return the fine bin of a probability, 0..FINE-1."""
    return min(int(probability * FINE), FINE - 1)


def mcnemar(only_old_right: int, only_new_right: int) -> McNemar:
    """Test whether two models that judge the same comments are equally accurate (McNemar 1947).

    Up to EXACT comments the test is exact: the smaller number against a fair coin (Agresti 2002, "Categorical Data
    Analysis", section 10.1). Above, it is chi-squared with Edwards' continuity correction (Edwards 1948).
    """
    n, fewer = only_old_right + only_new_right, min(only_old_right, only_new_right)
    if n > EXACT:
        statistic = (abs(only_old_right - only_new_right) - 1) ** 2 / n
        return McNemar(only_old_right, only_new_right, erfc(sqrt(statistic / 2)), exact=False)
    tail = sum(comb(n, k) for k in range(fewer + 1)) / 2**n
    return McNemar(only_old_right, only_new_right, min(1.0, 2 * tail), exact=True)


def accuracy(right: int, judged: int) -> Figure:
    """Return the share of comments that a model labels right, with Wilson's interval."""
    if not judged:
        return Figure(None)
    return Figure(right / judged, *wilson(right, judged))


def macro_f1(confused: Counts) -> Figure:
    """Return the mean of both labels' F1. ``confused[truth, label]`` counts comments; None without either label.

    Without any error, the lower end is Wilson's for the accuracy: every bootstrap sample would be without error too.
    """
    n = int(confused.sum())
    if not n or not confused.sum(axis=1).all():
        return Figure(None)
    value = float(_macro_f1(confused[None])[0])
    if n < FEWEST:
        return Figure(value)
    if value == 1:
        return Figure(value, wilson(n, n)[0], value)
    draws = _draws(confused.reshape(-1)).reshape(-1, 2, 2)
    usable = draws.sum(axis=2).all(axis=1)
    low, high = numpy.percentile(_macro_f1(draws[usable]), ENDS)
    return Figure(value, float(low), float(high))


def accuracy_change(joint: Counts) -> Figure:
    """Return the new model's accuracy minus the old one's, with an interval for the pairs."""
    n = int(joint.sum())
    if not n:
        return Figure(None)
    value = float(_change(joint[None])[0])
    if n < FEWEST:
        return Figure(value)
    low, high = numpy.percentile(_change(_draws(joint.reshape(-1)).reshape(-1, 2, 2, 2)), ENDS)
    return Figure(value, float(low), float(high))


def calibration_error(bins: Counts, sums: Values) -> Figure:
    """Return the expected calibration error over CALIBRATION_BINS; ``bins`` and ``sums`` are (FINE, 2).

    The error of a sample is on average larger than that of all comments, and a bootstrap adds the same excess once
    more. Its draws are therefore moved by the distance of their median from the measured value.
    """
    n = int(bins.sum())
    if not n:
        return Figure(None)
    places = numpy.flatnonzero(bins.reshape(-1))
    counts, total = bins.reshape(-1)[places], sums.reshape(-1)[places]
    # What one comment of each place adds to its bin: its mean probability minus its label.
    excess = total / counts - places % 2
    coarse = numpy.zeros((len(places), CALIBRATION_BINS))
    coarse[numpy.arange(len(places)), places // 2 // (FINE // CALIBRATION_BINS)] = excess
    value = float(numpy.abs(counts @ coarse).sum() / n)
    if n < FEWEST:
        return Figure(value)
    drawn = numpy.abs(_draws(counts) @ coarse).sum(axis=1) / n
    low, high = numpy.percentile(drawn - (numpy.median(drawn) - value), ENDS)
    return Figure(value, max(0.0, float(low)), min(1.0, float(high)))


def reliability(bins: Counts, sums: Values) -> list[tuple[int, float, float]]:
    """Return (comments, mean probability, share of positive) of each calibration bin with comments, in order."""
    by_bin = bins.reshape(CALIBRATION_BINS, -1, 2).sum(axis=1)
    summed = sums.reshape(CALIBRATION_BINS, -1).sum(axis=1)
    return [
        (int(both.sum()), float(total / both.sum()), float(both[1] / both.sum()))
        for both, total in zip(by_bin, summed, strict=True)
        if both.sum()
    ]


def judgements_of(
    joint: Mapping[tuple[bool, bool, bool], int],
    old: Mapping[tuple[int, bool], tuple[int, float]],
    new: Mapping[tuple[int, bool], tuple[int, float]],
) -> Judgements:
    """Convert counts to arrays: ``joint`` by (truth, old, new), the others by (fine bin, truth) with (n, sum)."""
    table = numpy.zeros((2, 2, 2), dtype=numpy.int64)
    for (truth, first, second), n in joint.items():
        table[int(truth), int(first), int(second)] = n
    return Judgements(table, *_binned(old), *_binned(new))


def _binned(by_bin: Mapping[tuple[int, bool], tuple[int, float]]) -> tuple[Counts, Values]:
    counts, sums = numpy.zeros((FINE, 2), dtype=numpy.int64), numpy.zeros((FINE, 2))
    for (place, truth), (n, total) in by_bin.items():
        counts[place, int(truth)], sums[place, int(truth)] = n, total
    return counts, sums


def _draws(counts: Counts) -> Counts:
    """Draw bootstrap samples of comments, given their counts by kind: an array (DRAWS, kinds)."""
    n = int(counts.sum())
    return numpy.random.default_rng(SEED).multinomial(n, counts / n, size=DRAWS)


def _macro_f1(tables: Counts) -> Values:
    hits = numpy.diagonal(tables, axis1=1, axis2=2)
    return numpy.asarray((2 * hits / (tables.sum(axis=2) + tables.sum(axis=1))).mean(axis=1), dtype=numpy.float64)


def _change(joint: Counts) -> Values:
    new_only = joint[:, 0, 1, 0] + joint[:, 1, 0, 1]
    old_only = joint[:, 0, 0, 1] + joint[:, 1, 1, 0]
    return numpy.asarray((new_only - old_only) / joint.sum(axis=(1, 2, 3)), dtype=numpy.float64)
