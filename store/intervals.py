"""The Wilson interval of a share, how many more decisions narrow it to the audit's goal, and a test of two shares."""

from math import erfc, sqrt

# The normal distribution's quantile that leaves 2.5 % on each side.
Z_95 = 1.959964
# The audit's goal: the largest distance from the middle of the interval to its ends.
GOAL_MARGIN = 0.05
# This number of decisions reaches the goal for any share: the interval is widest at one half.
DECISIONS_AT_MOST = 381


def wilson(right: int, judged: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of ``right`` out of ``judged``, which must be above 0."""
    middle, margin = _middle_and_margin(right / judged, judged)
    return max(0.0, middle - margin), min(1.0, middle + margin)


def decisions_to_goal(right: int, judged: int) -> int:
    """Return how many more decisions narrow the interval to GOAL_MARGIN on each side, if the share does not change.

    The middle of the interval, one half without decisions, estimates the share: the plain share of the first few
    decisions is often 100 % and would give too low a number.
    """
    share = (right + Z_95**2 / 2) / (judged + Z_95**2)
    enough = next(n for n in range(max(judged, 1), judged + DECISIONS_AT_MOST + 1) if _margin(share, n) <= GOAL_MARGIN)
    return enough - judged


def p_of_difference(some: int, of: int, others: int, of_others: int) -> float:
    """Return the two-sided p-value of the difference between ``some / of`` and ``others / of_others``.

    It is that of the test of two proportions with a pooled variance; 1 if there is no variance.
    """
    pooled = (some + others) / (of + of_others)
    variance = pooled * (1 - pooled) * (1 / of + 1 / of_others)
    return erfc(abs(some / of - others / of_others) / sqrt(2 * variance)) if variance > 0 else 1.0


def _margin(share: float, judged: int) -> float:
    return _middle_and_margin(share, judged)[1]


def _middle_and_margin(share: float, judged: int) -> tuple[float, float]:
    square = Z_95**2
    middle = (share + square / (2 * judged)) / (1 + square / judged)
    margin = Z_95 * sqrt(share * (1 - share) / judged + square / (4 * judged**2)) / (1 + square / judged)
    return middle, margin
