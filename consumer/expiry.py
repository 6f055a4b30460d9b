"""Delete old dead letters: their records can contain personal data."""

import asyncio
from datetime import timedelta

import structlog

from store.audit import Actor
from store.clock import trusted_now
from store.dead_letter_admin import expire
from store.errors import CommitUnknownError, TransientStoreError
from store.store import Store

EXPIRY_SECONDS = 3600.0
# In the audit log.
CONSUMER = Actor(None, "consumer", "command", None)
log = structlog.get_logger(__name__)


async def expire_dead_letters(store: Store, days: int) -> None:
    """Delete dead letters stored more than ``days`` days ago, every hour until cancelled. 0 days delete nothing.

    All consumers do this; a dead letter that another one has just deleted is passed over.
    """
    while True:
        if days:
            try:
                now = await store.read(trusted_now)
                deleted = await expire(store, now - timedelta(days=days), CONSUMER)
            except (TransientStoreError, CommitUnknownError) as error:
                log.warning("cannot delete expired dead letters, will retry", error=str(error))
            else:
                if deleted:
                    log.info("deleted expired dead letters", dead_letters=deleted, days=days)
        await asyncio.sleep(EXPIRY_SECONDS)
