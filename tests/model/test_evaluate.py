"""Scores, compared with values computed by hand."""

import numpy
import pytest

from model.evaluate import score, score_band, show, uncertain_band


def test_score() -> None:
    scores = score([0.9, 0.8, 0.4, 0.2, 0.6], [True, True, True, False, False])
    assert scores.n == 5
    assert scores.accuracy == pytest.approx(0.6)
    assert scores.recall_positive == pytest.approx(2 / 3)
    assert scores.recall_negative == pytest.approx(1 / 2)
    assert scores.macro_f1 == pytest.approx((2 * 2 / 6 + 2 * 1 / 4) / 2)


def test_undefined_scores_for_a_single_class() -> None:
    scores = score([0.9, 0.2], [True, True])
    assert (scores.recall_positive, scores.recall_negative, scores.macro_f1) == (0.5, None, None)
    assert (show(scores.recall_positive, 2), show(scores.recall_negative, 2)) == ("0.50", "-")
    band = score_band(numpy.array([0.9]), numpy.array([True]), 0.4, 0.6)
    assert (band.accuracy_inside, band.accuracy_outside) == (None, 1.0)


def test_calibration_error() -> None:
    assert score([0.75] * 4, [True, True, True, False]).calibration_error == pytest.approx(0)
    assert score([1.0] * 4, [True, True, True, False]).calibration_error == pytest.approx(0.25)


def test_uncertain_band_contains_the_requested_share() -> None:
    guess = numpy.linspace(0, 1, 1_001)
    low, high = uncertain_band(guess, 0.2)
    band = score_band(guess, guess > 0.45, low, high)
    assert (low, high) == (0.4, 0.6)
    assert band.share == pytest.approx(0.2, abs=0.01)
    assert band.accuracy_outside == 1.0
    assert band.accuracy_inside is not None
    assert band.accuracy_inside < 0.8
