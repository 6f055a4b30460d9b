"""Models are registered once, at most one is active, and promotions and rollbacks only move a pointer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from store.audit import Actor, AuditFilter, list_records
from store.batch import Label, ModelRow
from store.model_tables import active_model, missing_scans
from store.models import read_active, read_models, register_model
from store.promotion import (
    LabelCounts,
    ModelRefusedError,
    NoModelError,
    find_model,
    list_models,
    promote_model,
    recent_counts,
    retire_model,
    roll_back,
)
from store.relabel_runs import Range, cancel_run, start_run
from store.store import Store
from store.tables import models
from tests.store.feed import arrival, feed_of, minutes
from tests.store.tables_read import read_contents

WANG = Actor(7, "wang", "session", None)
FILES = {"SHA256SUMS": b"sums"}


async def registered(store: Store, letters: str) -> list[ModelRow]:
    """Register a model with an artifact for each letter; the first one is active in an empty database."""
    return [await register_model(store, one * 64, f"model {one}", 0.4, 0.6, files=FILES) for one in letters]


async def test_no_model_is_active_in_an_empty_database(store: Store) -> None:
    assert await store.read(read_active) is None


async def test_the_first_model_becomes_active_and_the_next_does_not(store: Store) -> None:
    first = await register_model(store, "a" * 64, "first", 0.4, 0.6)
    second = await register_model(store, "b" * 64, "second", 0.3, 0.7)
    assert (first.active, second.active) == (True, False)
    assert await store.read(read_active) == first
    assert await register_model(store, "b" * 64, "another name", 0.1, 0.2) == second


async def test_a_model_can_be_registered_without_becoming_active(store: Store) -> None:
    shadow = await register_model(store, "a" * 64, "shadow", 0.4, 0.6, activate_if_first=False)
    assert not shadow.active
    assert await store.read(read_active) is None
    assert (await register_model(store, "a" * 64, "shadow", 0.4, 0.6)).active


async def test_concurrent_registrations_agree_on_one_model(store: Store) -> None:
    rows = await asyncio.gather(*(register_model(store, "a" * 64, "same", 0.4, 0.6) for _ in range(8)))
    assert len(set(rows)) == 1
    assert rows[0].active


async def test_concurrent_registrations_of_different_models_activate_one(store: Store) -> None:
    await asyncio.gather(*(register_model(store, name * 64, name, 0.4, 0.6) for name in "abcdef"))
    rows = await asyncio.gather(*(register_model(store, name * 64, name, 0.4, 0.6) for name in "abcdef"))
    active = [row for row in rows if row.active]
    assert len({row.number for row in rows}) == 6
    assert active == [await store.read(read_active)]


async def audited(store: Store) -> list[tuple[str, str, object]]:
    """The audit records, oldest first: action, model and models before and after."""
    async with store.reading() as connection:
        records = (await list_records(connection, AuditFilter(action="model."), None, 100)).items
    return [(one.action, one.object_id, one.detail.get("model")) for one in reversed(records)]


async def test_promotion_and_rollback_move_one_pointer(store: Store) -> None:
    first, second = await registered(store, "ab")
    feed = await feed_of(store)
    await feed.send(arrival("1"), arrival("2"))
    before = await read_contents(store)
    promoted = await store.write(promote_model, WANG, second.number, first.number)
    assert (promoted.active, promoted.predecessor) == (True, first.number)
    assert await store.write(promote_model, WANG, second.number, first.number) == promoted
    assert [model.active for model in await store.read(list_models)] == [True, False]
    async with store.reading() as connection:
        [pointer] = (await connection.execute(select(active_model))).all()
        # The mirror for programs of the previous release.
        mirror = select(models.c.number).where(models.c.active.is_(True))
        assert (await connection.execute(mirror)).scalars().all() == [second.number]
    assert (pointer.model_number, pointer.activated_by) == (second.number, "wang")
    back = await store.write(roll_back, WANG, second.number)
    assert (back.number, back.active) == (first.number, True)
    assert await store.read(read_active) == await store.read(find_model, "a" * 12)
    assert await read_contents(store) == before
    assert await audited(store) == [
        ("model.promote", str(second.number), [first.number, second.number]),
        ("model.roll_back", str(first.number), [second.number, first.number]),
    ]


async def test_a_rollback_returns_through_every_promotion(store: Store) -> None:
    a, b, c = (model.number for model in await registered(store, "abc"))
    await store.write(promote_model, WANG, b, a)
    await store.write(promote_model, WANG, c, b)
    assert (await store.write(roll_back, WANG, c)).number == b
    assert (await store.write(roll_back, WANG, b)).number == a
    with pytest.raises(ModelRefusedError, match=f"No model was active before model {a}") as refused:
        await store.write(roll_back, WANG, a)
    assert refused.value.reason == "no_predecessor"


async def test_only_the_model_that_was_seen_as_active_is_replaced(store: Store) -> None:
    a, b, c = (model.number for model in await registered(store, "abc"))
    await store.write(promote_model, WANG, b, a)
    for change in (
        store.write(promote_model, WANG, c, a),
        store.write(roll_back, WANG, a),
    ):
        with pytest.raises(ModelRefusedError, match=f"Model {b} has become active in the meantime") as refused:
            await change
        assert refused.value.reason == "other_active"
    active = await store.read(read_active)
    assert active is not None
    assert active.number == b


async def test_concurrent_promotions_leave_one_active(store: Store) -> None:
    first, *others = await registered(store, "abcd")
    done = await asyncio.gather(
        *(store.write(promote_model, WANG, one.number, first.number) for one in others), return_exceptions=True
    )
    assert len([one for one in done if isinstance(one, ModelRow)]) == 1
    assert len([one for one in done if isinstance(one, ModelRefusedError)]) == 2
    assert len([model for model in await store.read(list_models) if model.active]) == 1


async def test_a_missing_or_unregistered_model_is_refused(store: Store) -> None:
    [active] = await registered(store, "a")
    lost = await register_model(store, "b" * 64, "lost", 0.4, 0.6)
    with pytest.raises(NoModelError, match="There is no model 999999"):
        await store.write(promote_model, WANG, 999999, active.number)
    for name in ("999999", "aaa", "c" * 12, ""):
        with pytest.raises(NoModelError, match="does not identify one model"):
            await store.read(find_model, name)
    with pytest.raises(ModelRefusedError, match=rf"artifact of model {lost.number} \(lost\) is not") as refused:
        await store.write(promote_model, WANG, lost.number, active.number)
    assert refused.value.reason == "no_artifact"
    assert await store.read(read_active) == active


async def test_a_retired_model_cannot_be_promoted(store: Store) -> None:
    a, b, c = (model.number for model in await registered(store, "abc"))
    await store.write(promote_model, WANG, b, a)
    for number, reason in ((b, "is_active"), (a, "is_predecessor")):
        with pytest.raises(ModelRefusedError) as refused:
            await store.write(retire_model, WANG, number)
        assert refused.value.reason == reason
    replay = await start_run(store, WANG, "replay", c, Range(log=False), [], compared_with=b)
    with pytest.raises(ModelRefusedError, match=f"Model {c} has an unfinished replay") as refused:
        await store.write(retire_model, WANG, c)
    assert refused.value.reason == "is_replayed"
    await store.write(cancel_run, WANG, replay)
    retired = await store.write(retire_model, WANG, c)
    assert retired.retired_at is not None
    assert await store.write(retire_model, WANG, c) == retired
    with pytest.raises(ModelRefusedError, match=r"is retired\. Register its folder again") as refused:
        await store.write(promote_model, WANG, c, b)
    assert refused.value.reason == "retired"
    with pytest.raises(NoModelError):
        await store.write(retire_model, WANG, 999999)
    assert await audited(store) == [
        ("model.promote", str(b), [a, b]),
        ("model.retire", str(c), None),
    ]


async def test_a_retired_predecessor_of_a_predecessor_is_not_returned_to(store: Store) -> None:
    a, b, c = (model.number for model in await registered(store, "abc"))
    await store.write(promote_model, WANG, b, a)
    await store.write(promote_model, WANG, c, b)
    await store.write(retire_model, WANG, a)
    await store.write(roll_back, WANG, c)
    with pytest.raises(ModelRefusedError, match="is retired"):
        await store.write(roll_back, WANG, b)


async def test_a_scan_begins_shortly_before_the_promotion(store: Store) -> None:
    a, b = (model.number for model in await registered(store, "ab"))

    async def scan() -> tuple[int, timedelta]:
        async with store.reading() as connection:
            [row] = (await connection.execute(select(missing_scans))).all()
            [pointer] = (await connection.execute(select(active_model))).all()
        assert row.done_up_to == 0
        return row.model_number, pointer.activated_at - row.changed_from

    await store.write(promote_model, WANG, b, a)
    assert await scan() == (b, timedelta(minutes=10))
    async with store.writing() as session:
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        await session.connection.execute(active_model.update().values(activated_at=long_ago))
    await store.write(roll_back, WANG, b)
    async with store.reading() as connection:
        [row] = (await connection.execute(select(missing_scans))).all()
    assert (row.model_number, row.changed_from) == (a, long_ago - timedelta(minutes=10))


async def test_every_model_is_read_with_its_state(store: Store) -> None:
    a, b = await registered(store, "ab")
    await store.write(promote_model, WANG, b.number, a.number)
    known = await store.read(read_models)
    assert [(one.active, one.predecessor, one.retired_at) for one in known.values()] == [
        (False, None, None),
        (True, a.number, None),
    ]


async def test_recent_counts_begin_at_the_given_hour(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(
        arrival("1", created=-120),
        arrival("2"),
        arrival("3", platform="shop", label=Label.NEGATIVE, uncertain=True),
        arrival("4", platform="shop", created=60),
    )
    counts = await store.read(recent_counts, minutes(0))
    assert counts == {feed.model.number: LabelCounts(positive=2, negative=1, uncertain=1)}
    assert counts[feed.model.number].all == 3
    assert await store.read(recent_counts, datetime(2030, 1, 1, tzinfo=UTC)) == {feed.model.number: LabelCounts()}
