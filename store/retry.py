"""Tries a transaction again when the database gave it up for another's sake."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from store.errors import CommitUnknownError, TransientStoreError

# Deadlocks between two are settled by the second try; more are for a crowd.
TRIES = 4
FIRST_PAUSE_SECONDS = 0.02

Answer = TypeVar("Answer")


async def retried(transaction: Callable[[], Awaitable[Answer]], *, repeatable: bool = False) -> Answer:
    """What ``transaction`` answers, tried again after TransientStoreError; ``repeatable`` says that doing it twice
    does no harm, so that it is tried again after CommitUnknownError too. Raises the last try's error."""
    for attempt in range(TRIES):
        try:
            return await transaction()
        except (TransientStoreError, CommitUnknownError) as error:
            # A deadline that passed is nobody else's doing, and would be waited for again.
            last = attempt == TRIES - 1 or isinstance(error.__cause__, TimeoutError)
            if last or (isinstance(error, CommitUnknownError) and not repeatable):
                raise
        await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
    raise AssertionError("unreachable")
