"""Models are registered once, and one of them is active."""

import asyncio

from liuyan.store.store import Store


async def test_no_model_is_active_in_an_empty_database(store: Store) -> None:
    assert await store.active_model() is None


async def test_the_first_model_becomes_active_and_the_next_does_not(store: Store) -> None:
    first = await store.register_model("a" * 64, "first", 0.4, 0.6)
    second = await store.register_model("b" * 64, "second", 0.3, 0.7)
    assert (first.active, second.active) == (True, False)
    assert await store.active_model() == first
    assert await store.register_model("b" * 64, "another name", 0.1, 0.2) == second


async def test_a_model_can_be_registered_without_becoming_active(store: Store) -> None:
    shadow = await store.register_model("a" * 64, "shadow", 0.4, 0.6, activate_if_first=False)
    assert not shadow.active
    assert await store.active_model() is None
    assert (await store.register_model("a" * 64, "shadow", 0.4, 0.6)).active


async def test_many_starting_at_once_agree_on_one_model(store: Store) -> None:
    rows = await asyncio.gather(*(store.register_model("a" * 64, "same", 0.4, 0.6) for _ in range(8)))
    assert len(set(rows)) == 1
    assert rows[0].active


async def test_two_different_models_starting_at_once_agree_on_the_active_one(store: Store) -> None:
    await asyncio.gather(*(store.register_model(name * 64, name, 0.4, 0.6) for name in "abcdef"))
    rows = await asyncio.gather(*(store.register_model(name * 64, name, 0.4, 0.6) for name in "abcdef"))
    active = [row for row in rows if row.active]
    assert len({row.number for row in rows}) == 6
    assert active == [await store.active_model()]
