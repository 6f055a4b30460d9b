"""Wilson's interval, and the number of decisions that narrows it."""

import pytest

from store.intervals import DECISIONS_AT_MOST, GOAL_MARGIN, decisions_to_goal, wilson


def test_wilson() -> None:
    assert wilson(372, 400) == pytest.approx((0.9007, 0.9511), abs=1e-3)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == pytest.approx(1)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.97])
def test_the_decisions_that_are_left_reach_the_goal_and_no_sooner(share: float) -> None:
    judged = 60
    right = round(share * judged)
    enough = judged + decisions_to_goal(right, judged)
    assert judged < enough <= DECISIONS_AT_MOST
    middle = (right + 1.92) / (judged + 3.84)
    widths = [high - low for low, high in (wilson(round(middle * n), n) for n in (enough, enough - 8))]
    assert widths[0] <= 2 * GOAL_MARGIN + 0.002
    assert widths[1] > 2 * GOAL_MARGIN - 0.002


def test_nothing_is_left_where_the_goal_is_reached() -> None:
    assert decisions_to_goal(0, 0) == DECISIONS_AT_MOST
    assert decisions_to_goal(250, 500) == 0
    assert decisions_to_goal(10_000, 20_000) == 0
