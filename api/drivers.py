"""Find the threads, authors, platforms and words that contribute most to a change of the share of negative comments.

Let P be the earlier share, N the number of comments of a period, and n and m those of a group and its negative ones.
The group's excess is (m - P n) / N, and its contribution the difference of its excess in both periods. The
contributions of all threads (or authors, or platforms), and of the comments without one, add up to the change. Those of
words overlap, because a comment has many words.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist

from api.keywords import candidates
from store.analytics import CountFilter
from store.changes import Baseline, Change, baselines, read_changes
from store.period_sample import PeriodSample, SampledComment, sample_period
from store.store import Store

# Groups of each kind that are returned at most.
MOST_GROUPS = 5
# Fewer comments say nothing about a group.
FEWEST_COMMENTS = 3
# All groups of a kind together are wrong in one of twenty cases (Bonferroni).
SIGNIFICANCE = 0.05

Cut = Callable[[str], Sequence[str]]
Groups = Callable[[SampledComment], Iterable[str]]


class GroupKind(StrEnum):
    """What the comments of a group have in common."""

    THREAD = "thread"
    WORD = "word"
    AUTHOR = "author"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Driver:
    """A group and its part of the change: ``points`` of the difference of the shares, and the ``share`` of it.

    The counts are those of the samples of both periods.
    """

    kind: GroupKind
    name: str
    points: float
    share: float
    comments: int
    negative: int
    comments_before: int
    negative_before: int


@dataclass(frozen=True, slots=True)
class ExplainedChange:
    """A change of the share of negative comments, what contributes to it, and the number of comments read for that."""

    change: Change
    drivers: Sequence[Driver]
    read: int
    read_before: int


@dataclass(frozen=True, slots=True)
class _Counts:
    """Comments and negative comments of each group, and those of the whole period."""

    comments: Counter[str]
    negative: Counter[str]
    all: int

    def variance(self, name: str, share: float) -> float:
        """Return the variance of the group's excess, which adds up its comments' deviations from ``share``."""
        negative = self.negative[name]
        others = self.comments[name] - negative
        return (negative * (1 - share) ** 2 + others * share**2) / self.all**2

    def excess(self, name: str, share: float) -> float:
        """Return the group's excess over ``share``."""
        return (self.negative[name] - share * self.comments[name]) / self.all


async def explain_change(store: Store, filters: CountFilter, baseline: Baseline, cut: Cut) -> ExplainedChange | None:
    """Find what contributes to the change from a baseline to the period of ``filters``, at most LONGEST_PERIOD long.

    Return None if one of both periods has no comments. Raises StoreError.
    """
    async with store.reading() as connection:
        change = next((one for one in await read_changes(connection, filters) if one.baseline is baseline), None)
        if change is None:
            return None
        now = await sample_period(connection, filters)
        before = await sample_period(connection, baselines(filters)[baseline])
    found = await asyncio.to_thread(find_drivers, now, before, change.difference, cut)
    return ExplainedChange(change, found, len(now.comments), len(before.comments))


def find_drivers(now: PeriodSample, before: PeriodSample, difference: float, cut: Cut) -> list[Driver]:
    """Return the groups that explain ``difference``, the change of the share, by kind and most important first.

    Only groups with a significant contribution in the direction of the change are returned.
    """
    if not now.comments or not before.comments or not difference:
        return []
    kinds: dict[GroupKind, Groups] = {
        GroupKind.THREAD: lambda one: [] if one.thread is None else [one.thread],
        GroupKind.WORD: lambda one: candidates(cut, one.text),
        GroupKind.AUTHOR: lambda one: [] if one.author is None else [one.author],
        GroupKind.PLATFORM: lambda one: [one.platform],
    }
    share = sum(one.negative for one in before.comments) / len(before.comments)
    return [
        found
        for kind, groups in kinds.items()
        for found in _of_kind(kind, _count(now, groups), _count(before, groups), share, difference)
    ]


def _count(sample: PeriodSample, groups: Groups) -> _Counts:
    counted, negative = Counter[str](), Counter[str]()
    for comment in sample.comments:
        names = set(groups(comment))
        counted.update(names)
        if comment.negative:
            negative.update(names)
    return _Counts(counted, negative, len(sample.comments))


def _of_kind(kind: GroupKind, now: _Counts, before: _Counts, share: float, difference: float) -> list[Driver]:
    # A group of all comments explains nothing.
    counted = now.comments + before.comments
    names = [name for name, n in counted.items() if FEWEST_COMMENTS <= n < now.all + before.all]
    limit = NormalDist().inv_cdf(1 - SIGNIFICANCE / 2 / max(1, len(names)))
    found = []
    for name in names:
        points = now.excess(name, share) - before.excess(name, share)
        deviation = sqrt(now.variance(name, share) + before.variance(name, share))
        if points * difference > 0 and abs(points) >= limit * deviation > 0:
            counts = (now.comments[name], now.negative[name], before.comments[name], before.negative[name])
            found.append(Driver(kind, name, points, points / difference, *counts))
    return sorted(found, key=lambda one: (-one.share, one.name))[:MOST_GROUPS]
