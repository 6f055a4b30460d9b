"""A decision for thousands of copies of a text, stored and withdrawn by processes that are killed midway."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from store import reviews as reviewing
from store.comments import ShownLabel
from store.folding import folded_digest
from store.group_decisions import decide_group, take_steps, withdraw_group
from store.groups import GroupState
from store.queue import release
from store.reviews import Opinion
from store.store import Store
from tests.store.conftest import ready_store
from tests.store.feed import feed_of
from tests.store.tables_read import read_contents
from tests.store.test_group_decisions import COPY, LI, are_right, decided, finish, give

# One comment in this many is a copy.
SHARE = 10
FILL = (
    "SET SESSION cte_max_recursion_depth = 1000000",
    f"""INSERT INTO comments (platform, id, text, folded_digest, version, created_at, stored_at, changed_at, claimed_by)
    WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < :comments)
    SELECT 'forum', CONCAT('n', n), IF(n % {SHARE} = 0, '{COPY}', CONCAT('第 ', n, ' 条')),
        IF(n % {SHARE} = 0, :digest, n), 0, :now, :now, :now, 1 FROM up""",
    """INSERT INTO predictions (comment_number, model_number, label, probability, uncertain, predicted_at, distance,
    folded_digest)
    SELECT number, :model, 'positive', IF(folded_digest = :digest, 0.51, 0.6), 1, :now,
        IF(folded_digest = :digest, 0.01, 0.1), folded_digest FROM comments""",
    """INSERT INTO hourly_counts SELECT :model, 'forum', :now, 'positive', 1, COUNT(*) FROM comments""",
    """INSERT INTO count_sums SELECT :model, bucket, platform, :now, :comments, 0, :comments, :comments, 0, 0, 0, 0,
    :comments, 0
    FROM (SELECT 'hour' AS bucket, '' AS platform UNION SELECT 'hour', 'forum' UNION SELECT 'day', 'forum') AS sums""",
    "ANALYZE TABLE comments, predictions",
)


async def _steps_then_killed(store: Store, steps: int) -> None:
    """Act as a process that takes a few steps and is killed during the next one."""
    for _ in range(steps):
        await take_steps(store)
    killed = asyncio.create_task(take_steps(store))
    await asyncio.sleep(0.03)
    killed.cancel()
    await asyncio.wait([killed])


async def _go_on(store: Store, number: int | None) -> None:
    """Act as another process; the decision is locked until the server notices that the first one has died."""
    for _ in range(300):
        await finish(store)
        if (await decided(store, number)).state in (GroupState.STORED, GroupState.WITHDRAWN):
            return
        await asyncio.sleep(0.1)


@pytest.mark.minutes
@pytest.mark.timeout(240)
@pytest.mark.parametrize("copies", [2_500, pytest.param(10_000, marks=pytest.mark.long)])
async def test_decision_for_thousands_of_copies(migrated_url: str, copies: int) -> None:
    async with await ready_store(migrated_url, lock_wait_seconds=60) as store:
        feed = await feed_of(store)
        now = datetime(2026, 1, 31, tzinfo=UTC)
        values = {
            "digest": folded_digest(COPY),
            "model": feed.model.number,
            "now": now.replace(tzinfo=None),
            "comments": SHARE * copies,
        }
        async with store.reading(patient=True) as connection:
            for statement in FILL:
                await connection.execute(text(statement), values)
            await connection.commit()
        before = await read_contents(store)
        [task, other] = await give(store, limit=2)
        assert (task.occurrences, task.more_occurrences) == (copies, False)
        assert other.comment.text != COPY
        one = Opinion("forum", task.comment.id, 0, ShownLabel.SPAM)
        decision = await decide_group(store, LI, one)
        await _steps_then_killed(store, 3)
        halfway = await decided(store, decision.group)
        assert (halfway.state, halfway.occurrences) == (GroupState.STORING, copies)
        assert 3 * reviewing.AT_ONCE < halfway.stored <= 4 * reviewing.AT_ONCE + 1
        await _go_on(store, decision.group)
        assert (await decided(store, decision.group)).stored == copies
        held = await read_contents(store)
        assert (len(held.review_labels), set(held.review_labels.values())) == (copies, {"spam"})
        assert await are_right(store)
        await release(store, 7)
        assert (await give(store))[0].comment.text != COPY

        await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
        await _steps_then_killed(store, 3)
        await _go_on(store, decision.group)
        assert (await decided(store, decision.group)).withdrawn == copies
        assert await read_contents(store) == before
        assert await are_right(store)
