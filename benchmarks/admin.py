"""`make bench-admin`: measure the admin app's queries with 100,000 and 1,000,000 comments in MySQL.

Each query runs many times with different values; the 95th percentile is compared.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from api.admin.comment_list import EXPORT_PAGE
from api.drivers import explain_change
from api.keyword_samples import read_sample
from benchmarks.comparison import MAXIMUM_STEP_SECONDS, Job, compare, order_and_end
from benchmarks.made_up import COPY, DAYS, NEWEST, PLATFORMS, fill
from local_stack.mysql import MySQL
from registry.comparison_result import result_from_json
from store.agreement import read_agreement
from store.analytics import Bucket, CountFilter, mix_by_hour_of_week, mix_by_platform, mix_over_time
from store.annotations import list_annotations
from store.audit import Actor
from store.changes import Baseline, read_changes
from store.comments import ShownLabel
from store.comparisons import read_comparison, read_examples
from store.corrections import audit_accuracy, corrections_by_model, corrections_by_reviewer
from store.coverage import count_unlabelled, coverage_by_month, read_totals
from store.dead_letter_admin import DeadLetterFilter, list_dead_letters
from store.dead_letter_counts import COUNTED, count_reasons_and_topics, count_up_to
from store.folding import folded_digest
from store.goal import audit_goal
from store.group_decisions import decide_group
from store.groups import count_occurrences
from store.migrate import migrate
from store.models import read_active
from store.own_work import own_work
from store.promotion import promote_model, roll_back
from store.promotion_preview import preview_promotion
from store.queue import next_tasks, release, remaining
from store.rejected import count_rejected, list_rejected
from store.reviews import Opinion, add_review
from store.routes import QueueOrder
from store.search import (
    COUNT_SECONDS,
    Audited,
    CommentFilter,
    count_comments,
    list_by_probability,
    list_comments,
)
from store.store import Store

SIZES = (100_000, 1_000_000)
MAXIMUM_SECONDS, MAXIMUM_RATIO = 0.15, 1.5
# A promotion makes the batches of all consumers wait.
PROMOTION_SECONDS = 0.05
# The confirmation page is opened before a promotion only.
CONFIRMATION_SECONDS = 0.3
# Ten times the rows of a list, for a download.
EXPORT_SECONDS = 0.3
# Queries that a person or a background task starts, and no page waits for.
ON_DEMAND_SECONDS = 1.5
# The walk stops after COUNT_SECONDS; the step that has begun is finished.
COUNT_LIMIT = 1.2 * COUNT_SECONDS
# Shorter times are dominated by the machine's noise, so their ratio is ignored.
NOISY_SECONDS = 0.01
WARM_UP_RUNS, MEASURED_RUNS = 5, 60
SHANGHAI = timedelta(hours=8)

Run = Callable[[Store, random.Random], Awaitable[object]]
# Seconds at each size, by query.
Seconds = dict[str, list[float]]


@dataclass(frozen=True)
class Query:
    """A query of the admin app. ``run`` runs it once with random values, within ``maximum`` seconds.

    ``bounded`` means that its time grows with the number of rows that people's work or copies of one text add, up to a
    constant that a million comments reach here. Such a query has only the limit for time.
    """

    name: str
    run: Run
    maximum: float = MAXIMUM_SECONDS
    bounded: bool = False


def run() -> bool:
    """Measure and print. Return whether all queries meet the limits for time and growth."""
    with MySQL(["--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=2", "--disable-log-bin"]) as mysql:
        return _report(*asyncio.run(_fill_and_measure([mysql.create_database(f"admin_{size}") for size in SIZES])))


async def _fill_and_measure(urls: Sequence[str]) -> tuple[Seconds, Job]:
    """Return the queries' seconds, and the comparison of two models at the largest size."""
    for url, size in zip(urls, SIZES, strict=True):
        async with Store.open(url) as store:
            await migrate(store.engine, lambda step: None)
            await fill(store, size)
            job = await compare(store)
    return await measure(urls), job


async def measure(urls: Sequence[str]) -> Seconds:
    """Return the 95th percentile of each query's seconds at each size."""
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(Store.open(url)) for url in urls]
        return {query.name: await _percentiles(stores, query) for query in QUERIES}


async def _percentiles(stores: Sequence[Store], query: Query) -> list[float]:
    """Alternate between sizes, so that other load affects both equally. The first runs warm up."""
    seconds: list[list[float]] = [[] for _ in stores]
    chances = [random.Random(7) for _ in stores]
    for _ in range(WARM_UP_RUNS + MEASURED_RUNS):
        for store, chance, took in zip(stores, chances, seconds, strict=True):
            started = time.perf_counter()
            await query.run(store, chance)
            took.append(time.perf_counter() - started)
    return [statistics.quantiles(took[WARM_UP_RUNS:], n=20)[-1] for took in seconds]


def _days(chance: random.Random) -> CountFilter:
    """Return a random range of thirty days."""
    end = NEWEST - timedelta(days=chance.randrange(DAYS - 40))
    return CountFilter(end - timedelta(days=30), end)


async def _list(store: Store, filters: CommentFilter) -> object:
    return await store.read(list_comments, filters, None, 50)


async def _second_page(store: Store, filters: CommentFilter) -> object:
    first = await store.read(list_comments, filters, None, 50)
    return await store.read(list_comments, filters, first.next, 50)


async def _review(store: Store, chance: random.Random, filters: CommentFilter, order: QueueOrder) -> None:
    reviewer = chance.randrange(1, 9)
    tasks = await next_tasks(store, reviewer, order, filters, 2)
    if tasks.items:
        one = tasks.items[0].comment
        opinion = Opinion(one.platform, one.id, one.version, ShownLabel.POSITIVE)
        await add_review(store, Actor(reviewer, f"r{reviewer}", "session", None), opinion)
    await release(store, reviewer)


async def _decide_text(store: Store, chance: random.Random) -> None:
    reviewer = chance.randrange(1, 9)
    tasks = await next_tasks(store, reviewer, UNCERTAIN, ALL, 2)
    if tasks.items:
        one = tasks.items[0].comment
        opinion = Opinion(one.platform, one.id, one.version, ShownLabel.POSITIVE)
        await decide_group(store, Actor(reviewer, f"r{reviewer}", "session", None), opinion)
    await release(store, reviewer)


async def _next(store: Store, chance: random.Random, filters: CommentFilter, order: QueueOrder) -> None:
    await next_tasks(store, chance.randrange(1, 9), order, filters, 2)


async def _promote(store: Store, _: random.Random) -> None:
    """Promote the model that is not active."""
    active = await store.read(read_active)
    assert active is not None
    promoted = await store.write(promote_model, ADMIN, 3 - active.number, active.number)
    assert promoted.active


async def _roll_back(store: Store, _: random.Random) -> None:
    """Return to the other model, which has been promoted before."""
    active = await store.read(read_active)
    assert active is not None
    assert (await store.write(roll_back, ADMIN, active.number)).number == 3 - active.number


async def _switch(store: Store, chance: random.Random) -> None:
    """The first request after a promotion or a rollback shows the active model's labels."""
    for change in (_promote, _roll_back):
        await change(store, chance)
        active = await store.read(read_active)
        page = await store.read(list_comments, ALL, None, 50)
        assert active is not None
        assert {one.model for one in page.items} == {active.sha256}


async def _stored_comparison(store: Store) -> None:
    found = await store.read(read_comparison, 1)
    assert found is not None
    assert found[1] is not None
    result_from_json(found[1])
    await store.read(read_examples, 1)


async def _export(store: Store, filters: CommentFilter) -> object:
    return await store.read(list_comments, filters, None, EXPORT_PAGE)


async def _rare_rejected(connection: AsyncConnection, platform: str) -> object:
    return await list_rejected(connection, platform, 51, reason="unknown")


async def _explain(store: Store, filters: CountFilter) -> None:
    await explain_change(store, filters, Baseline.PREVIOUS, list)


async def _sample(store: Store) -> None:
    await read_sample(store, list, ALL)


async def _oldest(connection: AsyncConnection) -> object:
    return await list_comments(connection, ALL, None, 50, oldest_first=True)


async def _by_probability(connection: AsyncConnection, filters: CommentFilter) -> object:
    return await list_by_probability(connection, filters, 1, highest_first=True, start=0, limit=50)


def _either(chance: random.Random) -> ShownLabel:
    return chance.choice([ShownLabel.POSITIVE, ShownLabel.NEGATIVE])


def _platform(chance: random.Random) -> str:
    return chance.choice(PLATFORMS)


ADMIN = Actor(1, "admin", "session", None)
ALL = CommentFilter()
TWO_WEEKS = CountFilter(NEWEST - timedelta(days=14))
UNRESOLVED, ANY_STATE = DeadLetterFilter(), DeadLetterFilter(states=frozenset())
COPIES = folded_digest(COPY)
UNCERTAIN, AUDIT, SECOND, DISPUTED = (
    QueueOrder.UNCERTAIN,
    QueueOrder.AUDIT,
    QueueOrder.SECOND_OPINION,
    QueueOrder.DISPUTED,
)
QUERIES: Sequence[Query] = (
    Query("list, newest", lambda store, _: _list(store, ALL)),
    Query("list, second page of a platform", lambda s, c: _second_page(s, CommentFilter(platform=_platform(c)))),
    Query("filter: label", lambda s, c: _list(s, CommentFilter(label=c.choice(list(ShownLabel))))),
    Query(
        "filter: platform, label, uncertain",
        lambda s, c: _list(s, CommentFilter(platform=_platform(c), label=ShownLabel.NEGATIVE, uncertain=True)),
    ),
    Query(
        "filter: probability 0.49 to 0.51",
        lambda s, _: _list(s, CommentFilter(probability_from=0.49, probability_to=0.51)),
    ),
    Query("filter: reviewed", lambda s, _: _list(s, CommentFilter(reviewed=True))),
    Query("filter: thread", lambda s, c: _list(s, CommentFilter(thread=f"t{c.randrange(2000)}"))),
    Query("filter: author", lambda s, c: _list(s, CommentFilter(author=f"u{c.randrange(5000)}"))),
    Query("filter: corrected", lambda s, _: _list(s, CommentFilter(corrected=True))),
    Query("filter: wrong in the audit", lambda s, _: _list(s, CommentFilter(audited=Audited.WRONG))),
    Query("filter: frequent text", lambda s, _: _list(s, CommentFilter(text="物流"))),
    Query("list, oldest first", lambda s, _: s.read(_oldest)),
    Query("count: all", lambda s, _: s.read(count_comments, ALL), COUNT_LIMIT),
    Query("count: label", lambda s, c: s.read(count_comments, CommentFilter(label=_either(c))), COUNT_LIMIT),
    Query("list, by probability", lambda s, c: s.read(_by_probability, CommentFilter(label=_either(c))), COUNT_LIMIT),
    Query("comments: a page of the export", lambda s, c: _export(s, CommentFilter(label=_either(c))), EXPORT_SECONDS),
    Query("comments: counts of the filter's choices", lambda s, _: s.read(mix_by_platform, CountFilter())),
    Query("home: comments per day", lambda s, _: s.read(mix_over_time, TWO_WEEKS, Bucket.DAY, SHANGHAI)),
    Query("home: own work", lambda s, c: s.read(own_work, c.randrange(1, 9), NEWEST - timedelta(days=30))),
    Query("review: next, uncertain", lambda s, c: _next(s, c, ALL, UNCERTAIN)),
    Query("review: next of a platform", lambda s, c: _next(s, c, CommentFilter(platform=_platform(c)), UNCERTAIN)),
    Query("review: next, audit", lambda s, c: _next(s, c, ALL, AUDIT)),
    Query("review: next, second opinion", lambda s, c: _next(s, c, ALL, SECOND)),
    Query(
        "review: next, second opinion of a platform",
        lambda s, c: _next(s, c, CommentFilter(platform=_platform(c)), SECOND),
    ),
    Query("review: next, disputed", lambda s, c: _next(s, c, ALL, DISPUTED)),
    Query("review: next, decide, release", lambda s, c: _review(s, c, ALL, UNCERTAIN)),
    Query("review: next, decide the text, release", _decide_text),
    Query("review: occurrences of a frequent text", lambda s, _: s.read(count_occurrences, COPIES), bounded=True),
    Query("review: remaining", lambda s, _: s.read(remaining, UNCERTAIN, ALL)),
    Query("review: remaining, audit", lambda s, c: s.read(remaining, AUDIT, ALL, c.randrange(1, 9))),
    Query(
        "review: remaining, disputed", lambda s, c: s.read(remaining, DISPUTED, ALL, c.randrange(1, 9)), bounded=True
    ),
    Query("review: goal of the audit", lambda s, _: s.read(audit_goal, CountFilter())),
    Query("review: remaining, second opinion", lambda s, c: s.read(remaining, SECOND, ALL, c.randrange(1, 9))),
    Query("analytics: 30 days by day", lambda s, c: s.read(mix_over_time, _days(c), Bucket.DAY, SHANGHAI)),
    Query("analytics: 30 days by hour of week", lambda s, c: s.read(mix_by_hour_of_week, _days(c), SHANGHAI)),
    Query("analytics: 30 days by platform", lambda s, c: s.read(mix_by_platform, _days(c))),
    Query("analytics: 2 years by week", lambda s, _: s.read(mix_over_time, CountFilter(), Bucket.WEEK, SHANGHAI)),
    Query("analytics: 2 years by hour of week", lambda s, _: s.read(mix_by_hour_of_week, CountFilter(), SHANGHAI)),
    Query(
        "analytics: 2 years of the largest platform by week",
        lambda s, _: s.read(mix_over_time, CountFilter(platform=PLATFORMS[0]), Bucket.WEEK, SHANGHAI),
    ),
    Query("analytics: 2 years by platform", lambda s, _: s.read(mix_by_platform, CountFilter())),
    Query("analytics: corrections, 30 days", lambda s, c: s.read(corrections_by_reviewer, _days(c))),
    Query("analytics: corrections, 2 years", lambda s, _: s.read(corrections_by_model, CountFilter())),
    Query("analytics: agreement of reviewers", lambda s, _: read_agreement(s)),
    Query("analytics: accuracy on the audit sample", lambda s, _: s.read(audit_accuracy, CountFilter()), bounded=True),
    Query("analytics: changes, 30 days", lambda s, c: s.read(read_changes, _days(c))),
    # They read up to 5,000 comments of both periods, and of both labels up to 1,000.
    Query("analytics: explain a change, 30 days", lambda s, c: _explain(s, _days(c)), ON_DEMAND_SECONDS, bounded=True),
    Query("analytics: refresh the sample for keywords", lambda s, _: _sample(s), ON_DEMAND_SECONDS, bounded=True),
    Query("analytics: annotations", lambda s, _: s.read(list_annotations, None, None, NEWEST)),
    Query("analytics: unlabelled, 2 years", lambda s, _: s.read(count_unlabelled, CountFilter())),
    Query("dead letters: list", lambda s, _: s.read(list_dead_letters, UNRESOLVED, 51)),
    Query("dead letters: rare reason", lambda s, _: s.read(list_dead_letters, DeadLetterFilter("unknown"), 51)),
    Query("dead letters: frequent reason", lambda s, _: s.read(list_dead_letters, DeadLetterFilter("not_json"), 51)),
    Query("dead letters: topic", lambda s, _: s.read(list_dead_letters, DeadLetterFilter(topic="topic-1"), 51)),
    Query("dead letters: by state", lambda s, _: s.read(count_up_to, COUNTED + 1)),
    Query("dead letters: by reason and topic", lambda s, _: s.read(count_reasons_and_topics, ANY_STATE.states)),
    Query("platform: labels", lambda s, c: _list(s, CommentFilter(platform=_platform(c), label=_either(c)))),
    Query(
        "platform: comments per day",
        lambda s, c: s.read(mix_over_time, replace(TWO_WEEKS, platform=_platform(c)), Bucket.DAY, SHANGHAI),
    ),
    Query("platform: rejected events", lambda s, c: s.read(list_rejected, _platform(c), 51)),
    Query("platform: rejected, rare reason", lambda s, c: s.read(_rare_rejected, _platform(c)), bounded=True),
    Query("platform: rejected, by reason", lambda s, c: s.read(count_rejected, _platform(c)), bounded=True),
    Query("models: coverage of every model", lambda s, _: s.read(read_totals)),
    Query("models: coverage by month", lambda s, _: s.read(coverage_by_month, 1)),
    # It contains the accuracy on the audit sample, which is bounded.
    Query("models: what a promotion changes", lambda s, _: s.read(preview_promotion, 2), CONFIRMATION_SECONDS, True),
    Query("models: promote", _promote, PROMOTION_SECONDS),
    Query("models: roll back", _roll_back, PROMOTION_SECONDS),
    Query("models: promote, list, roll back, list", _switch),
    Query("models: order a comparison and end it", lambda s, _: order_and_end(s)),
    Query("models: stored comparison", lambda s, _: _stored_comparison(s)),
)


def _report(took: Seconds, job: Job) -> bool:
    table = Table(box=None)
    for column in ("95th percentile of", *(f"{size:,}" for size in SIZES), "ratio", ""):
        table.add_column(column, justify="left" if column == "95th percentile of" else "right")
    passed = True
    for query in QUERIES:
        small, large = took[query.name]
        grows = large > MAXIMUM_RATIO * small and large > NOISY_SECONDS
        good = large < query.maximum and (query.bounded or not grows)
        passed = passed and good
        times = (f"{1000 * seconds:.1f} ms" for seconds in (small, large))
        table.add_row(query.name, *times, f"{large / small:.2f}", _remark(query, good))
    console = Console()
    console.print(table)
    console.print(
        f"limits: {1000 * MAXIMUM_SECONDS:.0f} ms at {SIZES[-1]:,} comments, and {MAXIMUM_RATIO} times the time at "
        f"{SIZES[0]:,} unless the query is bounded"
    )
    console.print(
        f"comparison of two models at {SIZES[-1]:,} comments: {job.seconds:.1f} s, longest step "
        f"{1000 * job.longest_step:.0f} ms (limit {1000 * MAXIMUM_STEP_SECONDS:.0f} ms)"
    )
    return passed and job.longest_step < MAXIMUM_STEP_SECONDS


def _remark(query: Query, good: bool) -> str:
    if not good:
        return "too slow"
    return "bounded" if query.bounded else ""


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
