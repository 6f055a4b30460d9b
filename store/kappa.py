"""Agreement beyond chance, from tables of counts: Cohen's kappa of two reviewers, Krippendorff's alpha of any number.

Cohen (1960), "A Coefficient of Agreement for Nominal Scales"; Krippendorff (2011), "Computing Krippendorff's
Alpha-Reliability", section C (nominal data, any number of observers, missing data). The intervals are percentiles of a
bootstrap over the texts (Efron and Tibshirani 1993, chapter 13), drawn with a fixed seed, so that the same counts give
the same interval. Where nobody has disagreed it ends at Wilson's bound of the share of disagreement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from store.intervals import wilson

Counts = NDArray[numpy.int64]
Values = NDArray[numpy.float64]
# So many draws give the ends of a 95 % interval to about a tenth of its width, and take a millisecond.
DRAWS = 500
SEED = 20
ENDS = (2.5, 97.5)
# Fewer texts have no interval: so few draws differ too little from each other.
FEWEST = 10
# Below this a disagreement by chance is zero, but for rounding.
NO_DISAGREEMENT = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient, 1 at full agreement and 0 at chance, with its 95 % interval, which fewer than FEWEST texts do not
    have. All are None where everybody always gave one and the same label, since agreement by chance is then certain."""

    value: float | None
    low: float | None
    high: float | None


def cohens_kappa(table: Counts) -> Estimate:
    """Kappa of two reviewers. ``table[i, j]``: how many texts the first labelled i and the second j."""
    size = len(table)
    return _estimate(table.reshape(-1), lambda draws: _kappa(draws.reshape(-1, size, size)))


def krippendorffs_alpha(patterns: Counts, counts: Counts) -> Estimate:
    """Alpha for nominal data. ``patterns[p, i]``: how many reviewers gave label i to a text of pattern p, two or more
    in all; ``counts[p]``: how many texts have the pattern."""
    weights = _coincidences(patterns)
    return _estimate(counts, lambda draws: _alpha(numpy.tensordot(draws, weights, axes=1)))


def _estimate(counts: Counts, disagreement: Callable[[Counts], tuple[Values, Values]]) -> Estimate:
    """The coefficient of texts by kind; ``disagreement`` gives what is observed and what chance would give."""
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
        # A draw from texts without disagreement has none either, however few they are.
        return Estimate(value, float(max(-1.0, 1 - wilson(0, total)[1] / expected)), value)
    draws = numpy.random.default_rng(SEED).multinomial(total, counts / total, size=DRAWS)
    drawn, by_chance = disagreement(draws)
    usable = by_chance >= NO_DISAGREEMENT  # A draw of one label alone says nothing of the agreement.
    low, high = numpy.percentile(1 - drawn[usable] / by_chance[usable], ENDS)
    return Estimate(value, float(low), float(high))


def _kappa(tables: NDArray[Any]) -> tuple[Values, Values]:
    total = tables.sum(axis=(1, 2))
    observed = numpy.trace(tables, axis1=1, axis2=2) / total
    expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / total**2
    return 1 - observed, 1 - expected


def _coincidences(patterns: Counts) -> Values:
    """How much a text of each pattern adds to the coincidence matrix: its pairs of labels, each reviewer's together
    weighing one."""
    raters = patterns.sum(axis=1)
    together = patterns[:, :, None] * patterns[:, None, :] - patterns[:, :, None] * numpy.eye(patterns.shape[1])
    return numpy.asarray(together / (raters - 1)[:, None, None], dtype=numpy.float64)


def _alpha(matrices: NDArray[Any]) -> tuple[Values, Values]:
    values = matrices.sum(axis=2)
    total = values.sum(axis=1)
    observed = 1 - numpy.trace(matrices, axis1=1, axis2=2) / total
    expected = 1 - (values * (values - 1)).sum(axis=1) / (total * (total - 1))
    return observed, expected
