"""The statistics of a comparison, against published values, other libraries and small cases computed by hand."""

import numpy
import pytest
from scipy.stats import binomtest, chi2

from model.evaluate import score
from registry.paired_statistics import (
    FINE,
    Figure,
    Judgements,
    accuracy,
    accuracy_change,
    calibration_error,
    fine_bin,
    judgements_of,
    macro_f1,
    mcnemar,
    reliability,
)


def judged(probabilities: numpy.ndarray, truth: numpy.ndarray) -> Judgements:
    """Count comments that both models give these probabilities."""
    joint: dict[tuple[bool, bool, bool], int] = {}
    bins: dict[tuple[int, bool], tuple[int, float]] = {}
    for p, positive in zip(probabilities.tolist(), truth.tolist(), strict=True):
        key = (positive, p >= 0.5, p >= 0.5)
        joint[key] = joint.get(key, 0) + 1
        n, total = bins.get((fine_bin(p), positive), (0, 0.0))
        bins[fine_bin(p), positive] = (n + 1, total + p)
    return judgements_of(joint, bins, bins)


def sample(n: int, seed: int = 1, skill: float = 1.0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return probabilities and labels; with a skill of 1 the probabilities are calibrated."""
    chance = numpy.random.default_rng(seed)
    probabilities = chance.beta(0.6, 0.4, n)
    return probabilities, chance.random(n) < 0.5 + skill * (probabilities - 0.5)


def test_mcnemar_of_the_approval_ratings() -> None:
    # Agresti, "Categorical Data Analysis", table 10.1: 86 and 150 of 1,600 people changed their opinion.
    found = mcnemar(86, 150)
    assert (found.only_old_right, found.only_new_right, found.exact) == (86, 150, True)
    assert found.p == pytest.approx(3.716e-5, rel=1e-3)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (1, 0), (0, 6), (2, 8), (5, 5), (9, 1), (480, 520)])
def test_mcnemar_is_an_exact_test_of_a_fair_coin(old: int, new: int) -> None:
    expected = binomtest(old, old + new).pvalue if old + new else 1.0
    assert mcnemar(old, new).p == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("old", "new"), [(480, 521), (600, 500), (5_000, 5_200)])
def test_mcnemar_with_many_comments_is_chi_squared(old: int, new: int) -> None:
    found = mcnemar(old, new)
    assert not found.exact
    assert found.p == pytest.approx(chi2.sf((abs(old - new) - 1) ** 2 / (old + new), 1), rel=1e-9)
    assert found.p == pytest.approx(binomtest(old, old + new).pvalue, rel=0.02)


def test_accuracy_and_its_change_by_hand() -> None:
    # 20 comments: both right 12, only the old 2, only the new 5, neither 1.
    joint = numpy.zeros((2, 2, 2), dtype=numpy.int64)
    joint[1, 1, 1], joint[0, 0, 0], joint[1, 1, 0], joint[0, 1, 0], joint[1, 0, 1], joint[1, 0, 0] = 7, 5, 2, 4, 1, 1
    change = accuracy_change(joint)
    assert change.value == pytest.approx(3 / 20)
    assert change.low is not None
    assert change.high is not None
    assert change.low < 0.15 < change.high
    assert accuracy(14, 20).value == 0.7
    assert accuracy(14, 20).low == pytest.approx(0.481, abs=1e-3)
    assert accuracy(0, 0) == Figure(None)


def test_macro_f1_by_hand() -> None:
    # F1 of negative is 2 * 6 / (8 + 11), of positive 2 * 4 / (9 + 6).
    confused = numpy.array([[6, 2], [5, 4]])
    figure = macro_f1(confused)
    assert figure.value is not None
    assert figure.value == pytest.approx((12 / 19 + 8 / 15) / 2)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < figure.value < figure.high
    assert macro_f1(numpy.array([[0, 0], [5, 4]])) == Figure(None)
    assert macro_f1(numpy.array([[1, 0], [1, 1]])).low is None
    perfect = macro_f1(numpy.array([[30, 0], [0, 10]]))
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low == pytest.approx(0.912, abs=1e-3)


@pytest.mark.parametrize("skill", [1.0, 0.6])
def test_figures_equal_those_of_model_evaluate(skill: float) -> None:
    probabilities, truth = sample(700, skill=skill)
    expected = score(probabilities, truth)
    found = judged(probabilities, truth)
    confused = found.joint.sum(axis=1)
    assert macro_f1(confused).value == pytest.approx(expected.macro_f1)
    error = calibration_error(found.new_bins, found.new_sums)
    assert error.value == pytest.approx(expected.calibration_error)
    assert error.low is not None
    assert error.high is not None
    assert error.low <= expected.calibration_error <= error.high
    bins = reliability(found.new_bins, found.new_sums)
    assert sum(n for n, *_ in bins) == 700
    assert sum(n * p for n, p, _ in bins) == pytest.approx(probabilities.sum())
    assert sum(n * positive for n, _, positive in bins) == pytest.approx(truth.sum())


def test_calibration_intervals_cover_the_true_error() -> None:
    # 80 % of the way from a probability to one half is the share of positive: the true error is 0.2 E|p - 0.5|.
    probabilities, _ = sample(200_000, seed=9)
    true_error = 0.2 * float(numpy.abs(probabilities - 0.5).mean())
    covered = 0
    for seed in range(40):
        found = judged(*sample(2_000, seed=100 + seed, skill=0.8))
        error = calibration_error(found.new_bins, found.new_sums)
        assert error.low is not None
        assert error.high is not None
        covered += error.low <= true_error <= error.high
    assert covered >= 34


def test_equal_counts_have_equal_intervals() -> None:
    found = judged(*sample(300))
    again = judged(*sample(300))
    assert calibration_error(found.old_bins, found.old_sums) == calibration_error(again.old_bins, again.old_sums)
    assert accuracy_change(found.joint) == Figure(0.0, 0.0, 0.0)


def test_fine_bins_cover_all_probabilities() -> None:
    assert [fine_bin(p) for p in (0.0, 0.5, 1.0)] == [0, FINE // 2, FINE - 1]
