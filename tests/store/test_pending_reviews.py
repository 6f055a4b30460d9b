"""Concurrent processes resolve or abandon each pending review exactly once, on every database."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from store.admin_tables import audit_log
from store.audit import Actor
from store.comments import ShownLabel
from store.pending_reviews import LIFE, KeptText, count_pending, keep_text, resolve_pending
from store.store import Store
from store.tables import outbox, reviews
from tests.store.feed import ERASURE_KEY, arrival, feed_of, microseconds, minutes

ACTOR = Actor(7, "小王", "session", "192.0.2.7")
KEPT = 8

pytestmark = pytest.mark.timeout(120)


async def keep(store: Store, id: str, label: ShownLabel, value: bytes = b"value") -> None:
    kept = KeptText("detect", id, microseconds(minutes(0)), "comments", b"key", value, label)
    async with store.writing() as session:
        await keep_text(session, ACTOR, kept, datetime.now(UTC))


async def test_each_pending_review_is_resolved_or_abandoned_once(every_migrated_url: str) -> None:
    async with Store.open(every_migrated_url) as store:
        await store.check_ready(ERASURE_KEY)
        feed = await feed_of(store)
        value = b"\x00\xff value of any bytes"
        for number in range(KEPT + 2):
            await keep(store, f"kept-{number}", ShownLabel.NEGATIVE, value)
        now = datetime.now(UTC)
        assert await store.read(count_pending, 7) == KEPT + 2
        await feed.send(*(arrival(f"kept-{number}", platform="detect") for number in range(KEPT)))

        outcomes = await asyncio.gather(*(resolve_pending(store, now) for _ in range(4)))
        assert sum(one.reviewed for one in outcomes) == KEPT
        outcomes = await asyncio.gather(*(resolve_pending(store, now + LIFE) for _ in range(4)))
        assert [sum(one.reviewed for one in outcomes), sum(one.given_up for one in outcomes)] == [0, 2]
        assert await store.read(count_pending, 7) == 0
        async with store.reading() as connection:
            decided = (await connection.execute(select(reviews.c.label, reviews.c.reviewer_number))).all()
            ordered = (await connection.execute(select(outbox.c.value).order_by(outbox.c.number))).scalars().all()
            recorded = Counter((await connection.execute(select(audit_log.c.action))).scalars())
    assert decided == [("negative", 7)] * KEPT
    assert ordered == [value] * KEPT + [None] * 2
    assert recorded == {"detection.keep": KEPT + 2, "review.add": KEPT, "detection.give_up": 2}
