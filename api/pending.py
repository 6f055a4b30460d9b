"""Turn the labels of kept texts into reviews in the background, once the texts are stored."""

import asyncio

import structlog

from api.services import Services
from store.errors import StoreError
from store.pending_reviews import resolve_pending

# A text takes seconds to pass through Kafka. Each poll without pending reviews costs one query.
POLL_SECONDS = 2.0
RETRY_SECONDS = 10.0
log = structlog.get_logger(__name__)


async def resolve_pending_forever(services: Services) -> None:
    """Resolve pending reviews whose comments are stored, until cancelled. Several API processes may run this."""
    while True:
        pause = POLL_SECONDS
        try:
            resolved = await resolve_pending(services.store, services.now())
            if resolved.reviewed or resolved.given_up:
                log.info("pending reviews resolved", reviewed=resolved.reviewed, given_up=resolved.given_up)
        except StoreError as error:
            log.warning("resolving pending reviews failed, will retry", error=str(error), repeats=True)
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
