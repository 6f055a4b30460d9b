"""Models are registered once, and at most one is active."""

import asyncio
from datetime import UTC, datetime

import pytest

from store.audit import Actor, AuditFilter, list_records
from store.batch import Label
from store.models import read_active, register_model
from store.promotion import LabelCounts, NoModelError, activate_model, find_model, list_models, recent_counts
from store.store import Store
from tests.store.feed import arrival, feed_of, minutes

WANG = Actor(7, "wang", "session", None)


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


async def test_activating_a_model_is_audited_once(store: Store) -> None:
    first = await register_model(store, "a" * 64, "first", 0.4, 0.6)
    second = await register_model(store, "b" * 64, "second", 0.3, 0.7)
    assert (await store.write(activate_model, WANG, second.number)).active
    assert (await store.write(activate_model, WANG, second.number)).active
    assert [model.active for model in await store.read(list_models)] == [True, False]
    await store.write(activate_model, WANG, first.number)
    assert await store.read(read_active) == await store.read(find_model, "a" * 12)
    async with store.reading() as connection:
        records = (await list_records(connection, AuditFilter(action="model.activate"), None, 10)).items
    assert [(one.object_id, one.detail) for one in records] == [
        (str(first.number), {"before": second.number}),
        (str(second.number), {"before": first.number}),
    ]


async def test_concurrent_activations_leave_one_active(store: Store) -> None:
    numbers = [(await register_model(store, name * 64, name, 0.4, 0.6)).number for name in "abcd"]
    await asyncio.gather(*(store.write(activate_model, WANG, number) for number in numbers))
    assert len([model for model in await store.read(list_models) if model.active]) == 1


async def test_a_missing_model_cannot_be_activated(store: Store) -> None:
    active = await register_model(store, "a" * 64, "first", 0.4, 0.6)
    with pytest.raises(NoModelError, match="There is no model 99"):
        await store.write(activate_model, WANG, 99)
    for name in ("99", "aaa", "b" * 12, ""):
        with pytest.raises(NoModelError, match="does not identify one model"):
            await store.read(find_model, name)
    assert await store.read(read_active) == active


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
