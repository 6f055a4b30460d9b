"""What is tried again: what the database gave up for another's sake, and not what nobody answered in time."""

import pytest

from store.errors import TransientStoreError
from store.retry import TRIES, retried


@pytest.mark.parametrize(("cause", "tries"), [(OSError("deadlock"), TRIES), (TimeoutError(), 1)])
async def test_a_deadline_that_passed_is_not_waited_for_again(cause: Exception, tries: int) -> None:
    tried = 0

    async def transaction() -> None:
        nonlocal tried
        tried += 1
        raise TransientStoreError("not now") from cause

    with pytest.raises(TransientStoreError):
        await retried(transaction)
    assert tried == tries
