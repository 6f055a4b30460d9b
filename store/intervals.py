"""Wilson's interval of a share, and how many more decisions narrow it to what the audit aims at."""

from math import sqrt

# The normal distribution's quantile that leaves 2.5 % on each side.
Z_95 = 1.959964
# The audit's goal: the interval reaches so far to each side.
GOAL_MARGIN = 0.05
# So many decisions reach the goal whatever their result: the interval is widest at a share of one half.
DECISIONS_AT_MOST = 381


def wilson(right: int, judged: int) -> tuple[float, float]:
    """Wilson's interval of a share, at 95 % confidence; ``judged`` is above 0."""
    middle, margin = _middle_and_margin(right / judged, judged)
    return max(0.0, middle - margin), min(1.0, middle + margin)


def decisions_to_goal(right: int, judged: int) -> int:
    """How many more decisions narrow the interval to GOAL_MARGIN on each side, if the share stays as it is.

    The share is estimated by the middle of the interval, which begins at one half: the plain share of the first few
    decisions is often 100 %, and would promise an early end.
    """
    share = (right + Z_95**2 / 2) / (judged + Z_95**2)
    enough = next(n for n in range(max(judged, 1), judged + DECISIONS_AT_MOST + 1) if _margin(share, n) <= GOAL_MARGIN)
    return enough - judged


def _margin(share: float, judged: int) -> float:
    return _middle_and_margin(share, judged)[1]


def _middle_and_margin(share: float, judged: int) -> tuple[float, float]:
    square = Z_95**2
    middle = (share + square / (2 * judged)) / (1 + square / judged)
    margin = Z_95 * sqrt(share * (1 - share) / judged + square / (4 * judged**2)) / (1 + square / judged)
    return middle, margin
