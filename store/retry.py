"""Retry transactions after transient errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from store.errors import CommitUnknownError, TransientStoreError

# The second attempt resolves a deadlock of two transactions; the others are for higher contention.
TRIES = 4
FIRST_PAUSE_SECONDS = 0.02

Answer = TypeVar("Answer")


async def retried(transaction: Callable[[], Awaitable[Answer]], *, repeatable: bool = False) -> Answer:
    """Run ``transaction``, retrying after TransientStoreError. Raises the error of the last attempt.

    ``repeatable`` means that running it twice is harmless; then it is retried after CommitUnknownError too.
    """
    for attempt in range(TRIES):
        try:
            return await transaction()
        except (TransientStoreError, CommitUnknownError) as error:
            # A missed deadline is not caused by contention, and a retry would wait as long again.
            last = attempt == TRIES - 1 or isinstance(error.__cause__, TimeoutError)
            if last or (isinstance(error, CommitUnknownError) and not repeatable):
                raise
        await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
    raise AssertionError("unreachable")
