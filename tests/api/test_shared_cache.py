"""The cache computes a result once for concurrent requests."""

import asyncio

import pytest

from api import shared_cache
from api.shared_cache import SharedCache


async def test_a_result_is_computed_once_and_cached() -> None:
    now = 0.0
    cache = SharedCache[list[str]](now=lambda: now)
    asked: list[str] = []

    async def answer(key: str) -> list[str]:
        asked.append(key)
        await asyncio.sleep(0)
        if key == "broken":
            raise TimeoutError
        return list(asked)

    async def get(key: str) -> list[str]:
        return await cache.get(key, lambda: asyncio.create_task(answer(key)))

    first, second, other = await asyncio.gather(get("a"), get("a"), get("b"))
    assert first is second
    assert other is not first
    now = shared_cache.KEEP_SECONDS - 1
    assert await get("a") is first
    now = shared_cache.KEEP_SECONDS
    assert await get("a") is not first
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await get("broken")
    assert asked == ["a", "b", "a", "broken", "broken"]


async def test_a_cancelled_request_does_not_cancel_others() -> None:
    cache = SharedCache[list[str]]()
    go = asyncio.Event()

    async def answer() -> list[str]:
        await go.wait()
        return ["done"]

    waiting = [asyncio.create_task(cache.get("a", lambda: asyncio.create_task(answer()))) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    go.set()
    assert await waiting[1] == ["done"]
