"""Background task that stores and withdraws decisions for all comments with the same text, step by step."""

import asyncio

import structlog

from api.services import Services
from store.errors import StoreError
from store.group_decisions import take_steps

# Interval of checks for unfinished decisions; each costs one query.
CHECK_SECONDS = 2.0
# The pause between steps lets consumers and reviewers acquire locks.
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 10.0
log = structlog.get_logger(__name__)


async def work_on_groups(services: Services) -> None:
    """Work on unfinished decisions until cancelled. Any number of API processes may run this."""
    while True:
        try:
            pause = PAUSE_SECONDS if await take_steps(services.store) else CHECK_SECONDS
        except StoreError as error:
            log.warning("storing decisions for texts failed, retrying", error=str(error), repeats=True)
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
