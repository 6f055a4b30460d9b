"""Agreement beyond chance, computed from counts: Cohen's kappa for two reviewers, Krippendorff's alpha for any number.

Cohen (1960), "A Coefficient of Agreement for Nominal Scales"; Krippendorff (2011), "Computing Krippendorff's
Alpha-Reliability", section C (nominal data, any number of observers, missing data). Intervals are percentiles of a
bootstrap over the texts (Efron and Tibshirani 1993, chapter 13) with a fixed seed, so equal counts have equal
intervals. Without any disagreement, the lower end comes from Wilson's upper bound for the share of disagreement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from store.intervals import wilson

Counts = NDArray[numpy.int64]
Values = NDArray[numpy.float64]
# Enough to know the ends of a 95 % interval to about a tenth of its width; takes a millisecond.
DRAWS = 500
SEED = 20
ENDS = (2.5, 97.5)
# With fewer texts there is no interval: bootstrap samples of so few texts differ too little.
FEWEST = 10
# A smaller expected disagreement is zero except for rounding errors.
NO_DISAGREEMENT = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient, 1 for full agreement and 0 for agreement by chance, with its 95 % interval.

    ``low`` and ``high`` are None for fewer than FEWEST texts. All three are None if only one label was ever given,
    because agreement by chance is then certain.
    """

    value: float | None
    low: float | None
    high: float | None


def cohens_kappa(table: Counts) -> Estimate:
    """Return kappa for two reviewers. ``table[i, j]`` is how many texts the first labelled i and the second j."""
    size = len(table)
    return _estimate(table.reshape(-1), lambda draws: _kappa(draws.reshape(-1, size, size)))


def krippendorffs_alpha(patterns: Counts, counts: Counts) -> Estimate:
    """Return alpha for nominal data.

    ``patterns[p, i]`` is how many reviewers gave label i to a text of pattern p; each pattern has at least two
    reviewers. ``counts[p]`` is how many texts have pattern p.
    """
    weights = _coincidences(patterns)
    return _estimate(counts, lambda draws: _alpha(numpy.tensordot(draws, weights, axes=1)))


def _estimate(counts: Counts, disagreement: Callable[[Counts], tuple[Values, Values]]) -> Estimate:
    """Return the coefficient for ``counts``; ``disagreement`` returns the observed and the expected disagreement."""
    total = int(counts.sum())
    if total == 0:
        return Estimate(None, None, None)
    [observed], [expected] = disagreement(counts[None, :])
    if expected < NO_DISAGREEMENT:
        return Estimate(None, None, None)
    value = float(1 - observed / expected)
    if total < FEWEST:
        return Estimate(value, None, None)
    if observed == 0:
        # Every bootstrap sample would have no disagreement either, however few texts there are.
        return Estimate(value, float(max(-1.0, 1 - wilson(0, total)[1] / expected)), value)
    draws = numpy.random.default_rng(SEED).multinomial(total, counts / total, size=DRAWS)
    drawn, by_chance = disagreement(draws)
    usable = by_chance >= NO_DISAGREEMENT  # A draw with only one label has no coefficient.
    low, high = numpy.percentile(1 - drawn[usable] / by_chance[usable], ENDS)
    return Estimate(value, float(low), float(high))


def _kappa(tables: NDArray[Any]) -> tuple[Values, Values]:
    total = tables.sum(axis=(1, 2))
    observed = numpy.trace(tables, axis1=1, axis2=2) / total
    expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / total**2
    return 1 - observed, 1 - expected


def _coincidences(patterns: Counts) -> Values:
    """Return what a text of each pattern adds to the coincidence matrix: its pairs of labels, with a total weight of
    one per reviewer."""
    raters = patterns.sum(axis=1)
    together = patterns[:, :, None] * patterns[:, None, :] - patterns[:, :, None] * numpy.eye(patterns.shape[1])
    return numpy.asarray(together / (raters - 1)[:, None, None], dtype=numpy.float64)


def _alpha(matrices: NDArray[Any]) -> tuple[Values, Values]:
    values = matrices.sum(axis=2)
    total = values.sum(axis=1)
    observed = 1 - numpy.trace(matrices, axis1=1, axis2=2) / total
    expected = 1 - (values * (values - 1)).sum(axis=1) / (total * (total - 1))
    return observed, expected
