"""Background work continues with other rows after the database refuses one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from store import group_decisions as deciding
from store.comments import ShownLabel
from store.group_decisions import decide_group, take_steps, withdraw_group
from store.groups import GroupState
from store.pending_reviews import PendingOutcome, count_pending, resolve_pending
from store.store import Store
from tests.store.conftest import ready_store
from tests.store.feed import Feed, arrival, feed_of
from tests.store.test_group_decisions import COPY, IDS, LI, are_right, decided, finish, opinion
from tests.store.test_pending_reviews import keep

REFUSED = {
    "sqlite": "CREATE TRIGGER refused BEFORE INSERT ON reviews WHEN NEW.{column} = {value} BEGIN "
    "SELECT RAISE(ABORT, 'refused'); END",
    "mysql": "CREATE TRIGGER refused BEFORE INSERT ON reviews FOR EACH ROW BEGIN IF NEW.{column} = {value} THEN "
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF; END",
}


@asynccontextmanager
async def refused(store: Store, column: str, value: object) -> AsyncIterator[None]:
    """Let the database refuse reviews with this value."""
    create = REFUSED[store.engine.dialect.name].format(column=column, value=value)
    async with store.engine.begin() as connection:
        await connection.execute(text(create))
    try:
        yield
    finally:
        async with store.engine.begin() as connection:
            await connection.execute(text("DROP TRIGGER refused"))


async def test_refused_decision_does_not_block_later_ones(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "LOOKED_AT", 2)
    store = feed.store
    await feed.send(*(arrival(id, COPY) for id in IDS[:10]))
    await feed.send(*(arrival(f"{of} {n}", f"别的 {n}") for n in range(3) for of in ("other", "again")))
    first = await decide_group(store, LI, opinion(IDS[0]))
    others = [await decide_group(store, LI, opinion(f"other {n}")) for n in range(3)]
    async with refused(store, "group_number", first.group):
        steps = await take_steps(store)
        assert (steps.taken, list(steps.failed)) == (1, [first.group])
        assert "refused" in str(steps.failed[first.group or 0])
        steps = await take_steps(store, without=list(steps.failed))
        assert (steps.taken, steps.failed) == (2, {})
    assert [(await decided(store, other.group)).stored for other in others] == [2, 2, 2]
    assert (await decided(store, first.group)).state is GroupState.STORING
    await finish(store)
    assert (await decided(store, first.group)).stored == 10
    assert await are_right(store)


async def test_copies_of_a_long_text_are_stored_and_withdrawn_in_shorter_steps(migrated_url: str) -> None:
    async with await ready_store(migrated_url) as store, store.engine.connect() as administrator:
        before = (await administrator.execute(text("SELECT @@GLOBAL.max_allowed_packet"))).scalar_one()
        await administrator.execute(text("SET GLOBAL max_allowed_packet = 1048576"))
        try:
            async with await ready_store(migrated_url) as small:
                feed = await feed_of(small)
                for first in range(0, 60, 10):
                    await feed.send(*(arrival(str(n), "长" * 10_000) for n in range(first, first + 10)))
                decision = await decide_group(small, LI, opinion("0"))
                assert await finish(small) > 1
                assert (await decided(small, decision.group)).stored == 60
                await withdraw_group(small, LI, decision.review.number, datetime.now(UTC))
                assert await finish(small) > 1
                assert (await decided(small, decision.group)).withdrawn == 60
                assert await are_right(small)
        finally:
            await administrator.execute(text(f"SET GLOBAL max_allowed_packet = {before}"))


async def test_refused_pending_review_does_not_block_others(feed: Feed) -> None:
    store, now = feed.store, datetime.now(UTC)
    await keep(store, "kept-0", ShownLabel.SPAM)
    await keep(store, "kept-1", ShownLabel.NEGATIVE)
    await feed.send(*(arrival(f"kept-{number}", platform="detect") for number in range(2)))
    async with refused(store, "label", "'spam'"):
        outcome = await resolve_pending(store, now)
        assert (outcome.reviewed, outcome.given_up, len(outcome.failed)) == (1, 0, 1)
        assert await resolve_pending(store, now, list(outcome.failed)) == PendingOutcome(0, 0)
    assert await resolve_pending(store, now) == PendingOutcome(1, 0)
    assert await store.read(count_pending, 7) == 0
