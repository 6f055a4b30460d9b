"""Transactions are retried after contention, but not after a missed deadline."""

import pytest

from store.errors import TransientStoreError
from store.retry import TRIES, retried


@pytest.mark.parametrize(("cause", "tries"), [(OSError("deadlock"), TRIES), (TimeoutError(), 1)])
async def test_a_missed_deadline_is_not_retried(cause: Exception, tries: int) -> None:
    attempts = 0

    async def transaction() -> None:
        nonlocal attempts
        attempts += 1
        raise TransientStoreError("not now") from cause

    with pytest.raises(TransientStoreError):
        await retried(transaction)
    assert attempts == tries
