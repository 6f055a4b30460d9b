"""A comparison's figures, computed from steps, against a small case computed by hand."""

from dataclasses import asdict

import pytest

from registry.comparison_result import (
    Band,
    Cell,
    Sample,
    compute_result,
    result_from_json,
    result_to_json,
)
from registry.comparison_tally import Tally
from registry.trained_on import TrainedOn
from store.batch import Label
from store.comments import ShownLabel
from store.comparison_scan import CANDIDATES, Flip, Judged, PairCount, Step

P, N = Label.POSITIVE, Label.NEGATIVE
YES, NO = ShownLabel.POSITIVE, ShownLabel.NEGATIVE
NONE = TrainedOn.NONE


def pair(
    old: Label | None, new: Label | None, n: int, platform: str = "forum", month: int = 1, **sure: bool
) -> PairCount:
    old_uncertain, new_uncertain = sure.get("old_uncertain", False), sure.get("new_uncertain", False)
    return PairCount(platform, 2026, month, old, old_uncertain, new, new_uncertain, n)


STEPS = [
    Step(
        10,
        [pair(P, P, 40), pair(P, N, 3, old_uncertain=True), pair(N, P, 5, new_uncertain=True), pair(P, None, 2)],
        [Judged(0.9, 0.8, YES, YES, True), Judged(0.9, 0.2, NO, NO, False)],
        [Flip(7, 1, 100, 0.9, 0.2), Flip(3, 2, 100, 0.2, 0.9)],
    ),
    Step(
        20,
        [
            pair(N, N, 10, "support", 2),
            pair(N, P, 1, month=2, old_uncertain=True, new_uncertain=True),
            pair(None, N, 4),
            pair(None, None, 6),
            pair(P, P, 2),
        ],
        [Judged(0.4, 0.6, None, YES, True), Judged(0.1, 0.3, NO, None, False)],
        [Flip(5, 3, 100, 0.6, 0.4)],
    ),
]


def tally() -> Tally:
    total = Tally()
    for step in STEPS:
        total.add(step)
    return total


def test_flips_shares_and_bands_by_hand() -> None:
    result = compute_result(tally(), NONE, NONE)
    assert (result.only_old, result.only_new, result.neither) == (2, 4, 6)
    forum, february = Cell("forum", "2026-01", 50, 45, 47, 5, 3), Cell("forum", "2026-02", 1, 0, 1, 1, 0)
    support = Cell("support", "2026-02", 10, 0, 0, 0, 0)
    assert result.cells == [forum, february, support]
    assert result.total == Cell("", "", 61, 45, 48, 6, 3)
    assert result.by_platform == [Cell("forum", "", 51, 45, 48, 6, 3), Cell("support", "", 10, 0, 0, 0, 0)]
    assert result.by_month == [Cell("", "2026-01", 50, 45, 47, 5, 3), Cell("", "2026-02", 11, 0, 1, 1, 0)]
    assert result.old_band == Band(inside=4, inside_equal=0, outside=57, outside_equal=52)
    assert result.new_band == Band(inside=6, inside_equal=0, outside=55, outside_equal=52)


def test_accuracy_by_hand() -> None:
    result = compute_result(tally(), NONE, NONE)
    assert (result.unbiased.sample, result.unbiased.judged) == (Sample.AUDIT, 3)
    assert (result.unbiased.old.right, result.unbiased.new.right) == (1, 3)
    assert (result.unbiased.mcnemar.only_old_right, result.unbiased.mcnemar.only_new_right) == (0, 2)
    assert result.unbiased.mcnemar.p == 0.5
    assert (result.reviews.sample, result.reviews.judged) == (Sample.REVIEWS, 3)
    assert (result.reviews.old.right, result.reviews.new.right) == (2, 3)


@pytest.mark.parametrize("trained_on", [TrainedOn.DATABASE, TrainedOn.FILE, TrainedOn.UNKNOWN])
def test_a_model_trained_on_reviews_is_judged_on_what_was_held_back(trained_on: TrainedOn) -> None:
    for both in ((trained_on, NONE), (NONE, trained_on)):
        result = compute_result(tally(), *both)
        assert (result.unbiased.sample, result.unbiased.judged) == (Sample.HELD_BACK, 2)
        assert (result.unbiased.old.right, result.unbiased.new.right) == (1, 2)
        assert result.reviews.judged == 3


def test_nothing_compared_has_no_figures() -> None:
    result = compute_result(Tally(), NONE, NONE)
    assert result.total == Cell("", "", 0, 0, 0, 0, 0)
    assert result.unbiased.judged == 0
    assert result.unbiased.new.accuracy.value is None
    assert result_from_json(result_to_json(result)) == result


def test_a_tally_continues_from_json() -> None:
    half = Tally()
    half.add(STEPS[0])
    resumed = Tally.from_json(half.to_json())
    assert resumed == half
    resumed.add(STEPS[1])
    assert resumed == tally()
    assert Tally.from_json(None) == Tally()


def test_a_result_is_read_from_json() -> None:
    result = compute_result(tally(), NONE, TrainedOn.DATABASE)
    assert asdict(result_from_json(result_to_json(result))) == asdict(result)


def test_candidates_with_the_lowest_ranks_are_kept_by_direction() -> None:
    total = Tally()
    flips = [Flip((7 * n) % 31, n, 100, 0.9, 0.1) for n in range(31)]
    for start in range(0, 31, 4):
        total.add(Step(start, [], [], flips[start : start + 4]))
    total.add(Step(99, [], [], [Flip(50, 99, 100, 0.1, 0.9)]))
    assert [flip.rank for flip in total.flips[N]] == list(range(CANDIDATES))
    assert [flip.comment_number for flip in total.flips[P]] == [99]
    assert len(total.examples) == CANDIDATES + 1
