"""Beside the requests: what people said of texts that they kept becomes a review once the text is stored."""

import asyncio

import structlog

from api.services import Services
from store.errors import StoreError
from store.pending_reviews import resolve_pending

# A text takes seconds on its way through Kafka; without anything that waits a look is one query.
LOOK_SECONDS = 2.0
WAIT_AFTER_FAULT_SECONDS = 10.0
log = structlog.get_logger(__name__)


async def resolve_pending_forever(services: Services) -> None:
    """Look for pending reviews whose comment has arrived, until it is cancelled. Every API process may do it."""
    while True:
        pause = LOOK_SECONDS
        try:
            settled = await resolve_pending(services.store, services.now())
            if settled.reviewed or settled.given_up:
                log.info("kept texts are settled", reviewed=settled.reviewed, given_up=settled.given_up)
        except StoreError as error:
            log.warning("kept texts cannot be reviewed now, trying again", error=str(error), repeats=True)
            pause = WAIT_AFTER_FAULT_SECONDS
        await asyncio.sleep(pause)
