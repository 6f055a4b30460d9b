"""Repeat a background task of the API until it is cancelled, and retry it after errors of the database."""

import asyncio
from collections.abc import Awaitable, Callable

from structlog.typing import FilteringBoundLogger

from store.errors import StoreError

# The interval of polls that find nothing to do; each costs one query.
POLL_SECONDS = 2.0
RETRY_SECONDS = 10.0


async def repeat(work: Callable[[], Awaitable[float]], log: FilteringBoundLogger, failure: str) -> None:
    """Run ``work`` until cancelled and pause for the seconds that it returns; log ``failure`` after a StoreError."""
    while True:
        try:
            pause = await work()
        except StoreError as error:
            log.warning(failure, error=str(error), repeats=True)
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
