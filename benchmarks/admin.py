"""`make bench-admin`: what the admin app asks of the database, at 100,000 and at 1,000,000 comments in MySQL.

Each question is asked many times with other values; the 95th percentile counts.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.made_up import DAYS, NEWEST, PLATFORMS, fill
from local_stack.mysql import MySQL
from store.agreement import read_agreement
from store.analytics import Bucket, CountFilter, mix_by_hour_of_week, mix_by_platform, mix_over_time
from store.audit import Actor
from store.comments import ShownLabel
from store.corrections import audit_accuracy, corrections_by_model, corrections_by_reviewer
from store.goal import audit_goal
from store.migrate import migrate
from store.queue import next_tasks, release, remaining
from store.reviews import Opinion, add_review
from store.routes import QueueOrder
from store.search import CommentFilter, list_comments
from store.store import Store

SIZES = (100_000, 1_000_000)
WANTED_SECONDS, WANTED_RATIO = 0.15, 1.5
# Below this the 95th percentile is that of the machine's noise, and so is the ratio.
NOISY_SECONDS = 0.01
WARMING, ASKED = 5, 60
SHANGHAI = timedelta(hours=8)

Ask = Callable[[Store, random.Random], Awaitable[object]]
# Question -> seconds at each size
Took = dict[str, list[float]]


@dataclass(frozen=True)
class Question:
    """What is asked, once for each call with other values."""

    name: str
    ask: Ask


def run() -> bool:
    """Measure, print, and say whether everything was quick enough and grew little enough."""
    with MySQL(["--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=2", "--disable-log-bin"]) as mysql:
        return _report(asyncio.run(_fill_and_measure([mysql.create_database(f"admin_{size}") for size in SIZES])))


async def _fill_and_measure(urls: Sequence[str]) -> Took:
    for url, size in zip(urls, SIZES, strict=True):
        async with Store.open(url) as store:
            await migrate(store.engine, lambda step: None)
            await fill(store, size)
    return await measure(urls)


async def measure(urls: Sequence[str]) -> Took:
    """The 95th percentile of each question's seconds, at each size."""
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(Store.open(url)) for url in urls]
        return {question.name: await _percentiles(stores, question) for question in QUESTIONS}


async def _percentiles(stores: Sequence[Store], question: Question) -> list[float]:
    """Asked in turn, so that what else the machine does weighs on both sizes alike; the first answers warm up."""
    seconds: list[list[float]] = [[] for _ in stores]
    chances = [random.Random(7) for _ in stores]
    for _ in range(WARMING + ASKED):
        for store, chance, took in zip(stores, chances, seconds, strict=True):
            began = time.perf_counter()
            await question.ask(store, chance)
            took.append(time.perf_counter() - began)
    return [statistics.quantiles(took[WARMING:], n=20)[-1] for took in seconds]


def _days(chance: random.Random) -> CountFilter:
    """Thirty days somewhere."""
    end = NEWEST - timedelta(days=chance.randrange(DAYS - 40))
    return CountFilter(end - timedelta(days=30), end)


async def _list(store: Store, wanted: CommentFilter) -> object:
    return await store.read(list_comments, wanted, None, 50)


async def _second_page(store: Store, wanted: CommentFilter) -> object:
    first = await store.read(list_comments, wanted, None, 50)
    return await store.read(list_comments, wanted, first.next, 50)


async def _review(store: Store, chance: random.Random, wanted: CommentFilter, order: QueueOrder) -> None:
    reviewer = chance.randrange(1, 9)
    tasks = await next_tasks(store, reviewer, order, wanted, 2)
    if tasks.items:
        one = tasks.items[0].comment
        opinion = Opinion(one.platform, one.id, one.version, ShownLabel.POSITIVE)
        await add_review(store, Actor(reviewer, f"r{reviewer}", "session", None), opinion)
    await release(store, reviewer)


async def _next(store: Store, chance: random.Random, wanted: CommentFilter, order: QueueOrder) -> None:
    await next_tasks(store, chance.randrange(1, 9), order, wanted, 2)


def _platform(chance: random.Random) -> str:
    return chance.choice(PLATFORMS)


ALL = CommentFilter()
UNCERTAIN, AUDIT, SECOND, DISPUTED = (
    QueueOrder.UNCERTAIN,
    QueueOrder.AUDIT,
    QueueOrder.SECOND_OPINION,
    QueueOrder.DISPUTED,
)
QUESTIONS: Sequence[Question] = (
    Question("list, newest", lambda store, _: _list(store, ALL)),
    Question("list, second page of a platform", lambda s, c: _second_page(s, CommentFilter(platform=_platform(c)))),
    Question("filter: label", lambda s, c: _list(s, CommentFilter(label=c.choice(list(ShownLabel))))),
    Question(
        "filter: platform, label, uncertain",
        lambda s, c: _list(s, CommentFilter(platform=_platform(c), label=ShownLabel.NEGATIVE, uncertain=True)),
    ),
    Question(
        "filter: probability 0.49 to 0.51",
        lambda s, _: _list(s, CommentFilter(probability_from=0.49, probability_to=0.51)),
    ),
    Question("filter: reviewed", lambda s, _: _list(s, CommentFilter(reviewed=True))),
    Question("filter: thread", lambda s, c: _list(s, CommentFilter(thread=f"t{c.randrange(2000)}"))),
    Question("filter: author", lambda s, c: _list(s, CommentFilter(author=f"u{c.randrange(5000)}"))),
    Question("filter: text that many have", lambda s, _: _list(s, CommentFilter(text="物流"))),
    Question("review: next, uncertain", lambda s, c: _next(s, c, ALL, UNCERTAIN)),
    Question("review: next of a platform", lambda s, c: _next(s, c, CommentFilter(platform=_platform(c)), UNCERTAIN)),
    Question("review: next, audit", lambda s, c: _next(s, c, ALL, AUDIT)),
    Question("review: next, second opinion", lambda s, c: _next(s, c, ALL, SECOND)),
    Question(
        "review: next, second opinion of a platform",
        lambda s, c: _next(s, c, CommentFilter(platform=_platform(c)), SECOND),
    ),
    Question("review: next, disputed", lambda s, c: _next(s, c, ALL, DISPUTED)),
    Question("review: next, decide, let go", lambda s, c: _review(s, c, ALL, UNCERTAIN)),
    Question("review: remaining", lambda s, _: s.read(remaining, UNCERTAIN, ALL)),
    Question("review: remaining, audit", lambda s, c: s.read(remaining, AUDIT, ALL, c.randrange(1, 9))),
    Question("review: remaining, disputed", lambda s, c: s.read(remaining, DISPUTED, ALL, c.randrange(1, 9))),
    Question("review: goal of the audit", lambda s, _: s.read(audit_goal, CountFilter())),
    Question("review: remaining, second opinion", lambda s, c: s.read(remaining, SECOND, ALL, c.randrange(1, 9))),
    Question("analytics: 30 days by day", lambda s, c: s.read(mix_over_time, _days(c), Bucket.DAY, SHANGHAI)),
    Question("analytics: 30 days by hour of week", lambda s, c: s.read(mix_by_hour_of_week, _days(c), SHANGHAI)),
    Question("analytics: 30 days by platform", lambda s, c: s.read(mix_by_platform, _days(c))),
    Question("analytics: 2 years by week", lambda s, _: s.read(mix_over_time, CountFilter(), Bucket.WEEK, SHANGHAI)),
    Question("analytics: 2 years by hour of week", lambda s, _: s.read(mix_by_hour_of_week, CountFilter(), SHANGHAI)),
    Question(
        "analytics: 2 years of the largest platform by week",
        lambda s, _: s.read(mix_over_time, CountFilter(platform=PLATFORMS[0]), Bucket.WEEK, SHANGHAI),
    ),
    Question("analytics: 2 years by platform", lambda s, _: s.read(mix_by_platform, CountFilter())),
    Question("analytics: corrections, 30 days", lambda s, c: s.read(corrections_by_reviewer, _days(c))),
    Question("analytics: corrections, 2 years", lambda s, _: s.read(corrections_by_model, CountFilter())),
    Question("analytics: agreement of reviewers", lambda s, _: read_agreement(s)),
    Question("analytics: accuracy on the audit sample", lambda s, _: s.read(audit_accuracy, CountFilter())),
)


def _report(took: Took) -> bool:
    table = Table(box=None)
    for column in ("95th percentile of", *(f"{size:,}" for size in SIZES), "ratio", ""):
        table.add_column(column, justify="left" if column == "95th percentile of" else "right")
    held = True
    for question in QUESTIONS:
        small, large = took[question.name]
        good = large < WANTED_SECONDS and (large <= WANTED_RATIO * small or large < NOISY_SECONDS)
        held = held and good
        times = (f"{1000 * seconds:.1f} ms" for seconds in (small, large))
        table.add_row(question.name, *times, f"{large / small:.2f}", "" if good else "too slow")
    console = Console()
    console.print(table)
    console.print(
        f"wanted: {1000 * WANTED_SECONDS:.0f} ms at {SIZES[-1]:,}, and at most {WANTED_RATIO} times {SIZES[0]:,}"
    )
    return held


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
