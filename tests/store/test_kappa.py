"""Kappa and alpha are those of published worked examples."""

import numpy
import pytest

from store.kappa import Estimate, cohens_kappa, krippendorffs_alpha


def test_kappa_of_the_example_of_fleiss() -> None:
    """Fleiss, Levin and Paik, "Statistical Methods for Rates and Proportions" (2003), table 18.1: 100 subjects, two
    raters, kappa 0.676 with a standard error of 0.088."""
    kappa = cohens_kappa(numpy.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]]))
    assert kappa.value == pytest.approx(0.676, abs=0.0005)
    assert kappa.low == pytest.approx(0.676 - 1.96 * 0.088, abs=0.04)
    assert kappa.high == pytest.approx(0.676 + 1.96 * 0.088, abs=0.04)


def test_alpha_of_the_example_of_krippendorff() -> None:
    """Krippendorff (2011), section C: four observers, twelve units, five values and missing data; nominal alpha 0.743.
    The last unit has one value and is left out."""
    patterns = [
        (3, 0, 0, 0, 0),
        (0, 3, 1, 0, 0),
        (0, 0, 4, 0, 0),
        (0, 0, 4, 0, 0),
        (0, 4, 0, 0, 0),
        (1, 1, 1, 1, 0),
        (0, 0, 0, 4, 0),
        (3, 1, 0, 0, 0),
        (0, 4, 0, 0, 0),
        (0, 0, 0, 0, 3),
        (2, 0, 0, 0, 0),
    ]
    alpha = krippendorffs_alpha(numpy.array(patterns), numpy.ones(len(patterns), dtype=numpy.int64))
    assert alpha.value == pytest.approx(0.743, abs=0.0005)
    assert alpha.low is not None
    assert alpha.high is not None
    assert alpha.low < 0.743 < alpha.high <= 1


def test_the_interval_of_many_texts_is_narrow_and_always_the_same() -> None:
    few, many = [cohens_kappa(numpy.array([[40, 10], [10, 40]]) * times) for times in (1, 100)]
    assert few.value == many.value == pytest.approx(0.6)
    assert few == cohens_kappa(numpy.array([[40, 10], [10, 40]]))
    for estimate, margin in ((few, 0.16), (many, 0.016)):
        assert estimate.low == pytest.approx(0.6 - margin, abs=0.2 * margin)
        assert estimate.high == pytest.approx(0.6 + margin, abs=0.2 * margin)


def test_one_label_alone_says_nothing() -> None:
    nothing = Estimate(None, None, None)
    assert cohens_kappa(numpy.array([[9, 0], [0, 0]])) == nothing
    assert cohens_kappa(numpy.array([[0, 0], [0, 0]])) == nothing
    assert krippendorffs_alpha(numpy.array([[2, 0]]), numpy.array([9])) == nothing


def test_full_agreement_and_full_disagreement() -> None:
    assert cohens_kappa(numpy.array([[5, 0], [0, 5]])).value == 1
    assert cohens_kappa(numpy.array([[0, 5], [5, 0]])).value == -1


def test_agreement_on_few_texts_is_not_certain() -> None:
    few, many = [cohens_kappa(numpy.array([[5, 0], [0, 5]]) * times) for times in (1, 100)]
    # Wilson's upper bound of no disagreement in ten texts is 0.278, twice as much as kappa takes for a whole.
    assert few.low == pytest.approx(1 - 0.278 / 0.5, abs=0.001)
    assert few.high == 1
    assert many.low == pytest.approx(1 - 0.0038 / 0.5, abs=0.001)
    fewer = cohens_kappa(numpy.array([[1, 0], [1, 1]]))
    assert fewer.value == pytest.approx(0.4)
    assert (fewer.low, fewer.high) == (None, None)
