"""Repeat a background task of the API until it is cancelled, and retry it after errors of the database."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from structlog.typing import FilteringBoundLogger

from store.errors import StoreError

# The interval of polls that find nothing to do; each costs one query.
POLL_SECONDS = 2.0
RETRY_SECONDS = 10.0


class FailedRows:
    """The rows that the database refused in the last RETRY_SECONDS, so that a task works on others meanwhile."""

    def __init__(self) -> None:
        self._retry_at: dict[int, float] = {}

    def numbers(self) -> list[int]:
        """Return the numbers of the rows."""
        now = time.monotonic()
        self._retry_at = {number: at for number, at in self._retry_at.items() if at > now}
        return list(self._retry_at)

    def add(self, failed: Mapping[int, StoreError], log: FilteringBoundLogger, failure: str) -> None:
        """Add rows and log ``failure`` with each error."""
        for number, error in failed.items():
            self._retry_at[number] = time.monotonic() + RETRY_SECONDS
            log.error(failure, number=number, error=str(error), repeats=True)


async def repeat(work: Callable[[], Awaitable[float]], log: FilteringBoundLogger, failure: str) -> None:
    """Run ``work`` until cancelled and pause for the seconds that it returns; log ``failure`` after a StoreError."""
    while True:
        try:
            pause = await work()
        except StoreError as error:
            log.warning(failure, error=str(error), repeats=True)
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
