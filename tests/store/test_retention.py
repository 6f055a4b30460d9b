"""Purging: what is purged, that it does not return, and that counts and charts do not change."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from store import retention
from store.admin_tables import audit_log
from store.analytics import CountFilter, Mix, mix_of_all
from store.audit import Actor
from store.batch import BatchOutcome, Label
from store.check import recount, recount_comments, recount_sums
from store.comments import ShownLabel
from store.lock_keys import new_token
from store.models import activate, register_model
from store.promotion import retire_model
from store.purge import PurgeStep, purge_step
from store.retention import PurgeBusyError, Purged, Rules, count_purgeable, purge
from store.reviews import Opinion, add_review, undo_review
from store.store import Store
from store.tables import comment_counts, comment_versions, comments, count_sums, outbox, predictions
from store.tables import retention as table
from tests.store.conftest import ready_store
from tests.store.feed import START, Feed, arrival, feed_of, microseconds, minutes, tombstone

LI = Actor(7, "小李", "session", None)
NOTHING = Rules(0, 0, 0, 0, 0, 0, reviewed=False)


def rules(created: float, **others: Any) -> Rules:
    """Return rules whose horizon is the hour ``created`` minutes after START."""
    days = (datetime.now(UTC) - minutes(created)) / timedelta(days=1)
    return replace(NOTHING, comments=days, **others)  # type: ignore[arg-type]  # tests need less than a day


async def run(store: Store, wanted: Rules) -> Purged:
    return await purge(store, wanted, LI, new_token(), lambda what, done, total: None)


async def mix(store: Store) -> Mix:
    return await store.read(mix_of_all, CountFilter())


async def ids(store: Store) -> set[str]:
    async with store.reading() as connection:
        return set((await connection.execute(select(comments.c.id))).scalars())


async def assert_counts(store: Store) -> None:
    assert await store.read(recount) == []
    assert await store.read(recount_sums) == []
    assert await store.read(recount_comments) == []


async def review(store: Store, id: str, label: ShownLabel = ShownLabel.NEGATIVE, edited: float | None = None) -> None:
    version = microseconds(minutes(0) if edited is None else minutes(edited))
    await add_review(store, LI, Opinion("forum", id, version, label))


async def test_old_comments_are_purged_and_charts_stay(feed: Feed) -> None:
    store = feed.store
    await feed.send(
        arrival("1"), arrival("2", label=Label.NEGATIVE, uncertain=True), arrival("3"), arrival("new", created=120)
    )
    await review(store, "3", ShownLabel.SPAM)
    before = await mix(store)
    assert await store.read(count_purgeable, rules(60)) == Purged(comments=2)
    assert await run(store, rules(60)) == Purged(comments=2)
    assert await ids(store) == {"3", "new"}
    assert await mix(store) == before
    await assert_counts(store)
    assert await run(store, rules(60, reviewed=True)) == Purged(comments=1, reviewed_texts=1)
    assert await mix(store) == before
    await assert_counts(store)
    async with store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(predictions))).scalar_one() == 1
        assert (await connection.execute(select(func.max(comment_counts.c.n)))).scalar_one() == 1
        details = await connection.execute(select(audit_log.c.detail).where(audit_log.c.action == "retention.purge"))
        assert list(details.scalars()) == ['{"comments": 2}', '{"comments": 1, "reviewed_texts": 1}']


async def test_a_purged_comment_does_not_return(feed: Feed) -> None:
    await feed.send(arrival("1"), arrival("new", created=120))
    await run(feed.store, rules(60))
    old = (arrival("1"), arrival("1", "改了", edited=500), arrival("never seen"))
    assert await feed.send(*old, arrival("new", created=120)) == BatchOutcome(purged_before=3, same=1)
    assert await ids(feed.store) == {"new"}
    # Several events of one key: only those from before the horizon are dropped.
    outcome = await feed.send(arrival("2"), arrival("2", created=90, edited=95), tombstone("1", 900))
    assert outcome == BatchOutcome(new=1, purged_before=1, erased=1)
    await assert_counts(feed.store)


async def test_a_kept_comment_can_still_be_edited_and_erased(feed: Feed) -> None:
    await feed.send(arrival("1"), arrival("2"))
    await review(feed.store, "1")
    await review(feed.store, "2")
    await run(feed.store, rules(60))
    assert await feed.send(arrival("1", "改了", edited=10), tombstone("2", 20)) == BatchOutcome(edited=1, erased=1)
    # The review belongs to the earlier text and is lost with the comment.
    assert await feed.store.read(count_purgeable, rules(60)) == Purged(comments=1, reviewed_texts=1)
    assert await run(feed.store, rules(60)) == Purged(comments=1, reviewed_texts=1)
    await assert_counts(feed.store)


async def test_a_withdrawn_review_does_not_keep_a_comment(feed: Feed) -> None:
    await feed.send(arrival("1"))
    await review(feed.store, "1")
    await undo_review(feed.store, LI, "forum", "1")
    assert await run(feed.store, rules(60)) == Purged(comments=1)


async def test_the_horizon_only_moves_forward(feed: Feed) -> None:
    await feed.send(arrival("1"))
    await run(feed.store, rules(60))
    await run(feed.store, rules(-600))
    assert await feed.send(arrival("1")) == BatchOutcome(purged_before=1)
    async with feed.store.reading() as connection:
        row = (await connection.execute(select(table))).one()
    assert row.horizon == START.replace(minute=0) + timedelta(hours=1)
    assert (row.purged, row.claimed_by) == (1, None)


async def test_counts_of_purged_comments_survive_a_promotion_and_the_purge_of_the_model(feed: Feed) -> None:
    store = feed.store
    await feed.send(arrival("1"), arrival("2", label=Label.NEGATIVE))
    await run(store, rules(60))
    before = await mix(store)
    assert (before.positive, before.negative) == (1, 1)
    new = await register_model(store, "b" * 64, "new", 0.3, 0.7)
    await store.write(activate, new.number, None if new.active else feed.model.number, "wang")
    third = await register_model(store, "c" * 64, "third", 0.3, 0.7)
    await store.write(activate, third.number, new.number, "wang")
    await store.write(retire_model, LI, feed.model.number)
    assert await store.write(purge_step, feed.model.number, 0) == PurgeStep(None)
    assert await mix(store) == before
    await assert_counts(store)
    async with store.reading() as connection:
        hours = await connection.execute(text("SELECT active, SUM(comments) FROM dashboard_hours GROUP BY active"))
        assert [(int(active), int(n)) for active, n in hours] == [(1, 2)]


async def test_a_comment_without_the_active_models_prediction_keeps_the_newest_label(feed: Feed) -> None:
    store = feed.store
    await feed.send(arrival("1", label=Label.NEGATIVE))
    new = await register_model(store, "b" * 64, "new", 0.3, 0.7)
    await store.write(activate, new.number, feed.model.number, "wang")
    await run(store, rules(60))
    async with store.reading() as connection:
        query = select(count_sums.c.model_number, func.sum(count_sums.c.negative)).group_by(count_sums.c.model_number)
        assert [tuple(map(int, row)) for row in await connection.execute(query)] == [(0, 3)]


async def test_one_process_purges_at_a_time(feed: Feed) -> None:
    await feed.send(arrival("1"))
    store, token = feed.store, new_token()
    await store.write(retention._lease, token)
    with pytest.raises(PurgeBusyError):
        await run(store, rules(60))
    # Once the lease has expired another process takes over, and the first one stops at its next step.
    async with store.writing() as session:
        expired = datetime.now(UTC) - timedelta(seconds=1)
        await session.connection.execute(update(table).values(claimed_until=expired))
    assert (await run(store, rules(60))).comments == 1
    with pytest.raises(PurgeBusyError):
        await store.write(retention._renew, token)


async def test_other_rows_are_purged_by_age(feed: Feed) -> None:
    store = feed.store
    await feed.send(arrival("1"), arrival("1", "改了", edited=5))
    old = datetime.now(UTC) - timedelta(days=400)
    async with store.writing() as session:
        await session.connection.execute(update(comment_versions).values(replaced_at=old))
        shared = {"topic": "comments", "headers": "[]", "ordered_by": "x", "ordered_at": old}
        await session.connection.execute(outbox.insert().values(**shared, done_at=old))
        await session.connection.execute(outbox.insert().values(**shared))
        names = ("user_name", "via", "action", "object_kind", "object_id", "detail")
        record = dict.fromkeys(names, "x")
        await session.connection.execute(audit_log.insert().values(at=old, **record))
    wanted = replace(NOTHING, versions=365, outbox=90, audit_log=365)
    expected = Purged(versions=1, outbox=1, audit_log=1)
    assert await store.read(count_purgeable, wanted) == expected
    assert await run(store, wanted) == expected
    assert await run(store, wanted) == Purged()
    assert await run(store, NOTHING) == Purged()


async def test_more_comments_than_a_step(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    await feed.send(*(arrival(str(n), created=n) for n in range(10)), arrival("new", created=120))
    done: list[tuple[str, int, int]] = []
    await purge(feed.store, rules(60), LI, new_token(), lambda *step: done.append(step))
    assert [n for _, n, _ in done] == [3, 6, 9, 10]
    assert await ids(feed.store) == {"new"}
    await assert_counts(feed.store)


async def test_a_fast_clock_purges_nothing(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    class FastClock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "FastClock":
            return cls.fromtimestamp(datetime.now(tz).timestamp() + 365 * 86_400, tz)

    await feed.send(arrival("1", created=(datetime.now(UTC) - START) / timedelta(minutes=1)))
    monkeypatch.setattr(retention, "datetime", FastClock)
    assert await run(feed.store, replace(NOTHING, comments=30)) == Purged()


async def test_the_purge_does_not_wait_for_a_batch(server_feed: Feed) -> None:
    """A batch reads the horizon without locking it. What it stores too late is purged by the next run."""
    await server_feed.send(arrival("1"))
    async with server_feed.store.writing() as session:
        await session.connection.execute(select(table.c.horizon))
        assert (await run(server_feed.store, rules(60))).comments == 1


def liuyan(url: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liuyan", "store", *arguments],
        env={"LIUYAN_DATABASE_URL": url, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd()), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.programs
async def test_the_command_counts_asks_and_purges(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'a.db'}"
    async with await ready_store(url) as store:
        await (await feed_of(store)).send(arrival("1"), arrival("2"))
        await review(store, "2")
    days = {"LIUYAN_COMMENT_DAYS": "30"}
    counted = liuyan(url, "purge", "--dry-run", "--reviewed", **days)
    assert "comments\t30 days\t2" in counted.stdout
    assert counted.stderr == "1 of the comments have reviews, which would be lost.\n"
    asked = liuyan(url, "purge", **days)
    assert (asked.returncode, asked.stderr) == (2, "liuyan: Standard input is not a terminal. Confirm with --yes.\n")
    done = liuyan(url, "purge", "--yes", **days)
    assert done.stdout.endswith("Purged 1 comments and 0 other rows.\n")
    async with Store.open(url) as store:
        assert await ids(store) == {"2"}
