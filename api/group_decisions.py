"""In the background: decisions for all comments with the same text are stored and withdrawn step by step."""

import asyncio

import structlog

from api.services import Services
from store.errors import StoreError
from store.group_decisions import take_steps

# Without a decision to work on, a look is one query.
LOOK_SECONDS = 2.0
# Consumers and reviewers get their turn between two steps.
PAUSE_SECONDS = 0.05
WAIT_AFTER_FAULT_SECONDS = 10.0
log = structlog.get_logger(__name__)


async def work_on_groups(services: Services) -> None:
    """Take the steps of unfinished decisions until it is cancelled. Every API process may do it."""
    while True:
        try:
            pause = PAUSE_SECONDS if await take_steps(services.store) else LOOK_SECONDS
        except StoreError as error:
            log.warning("decisions for texts cannot be stored now, trying again", error=str(error), repeats=True)
            pause = WAIT_AFTER_FAULT_SECONDS
        await asyncio.sleep(pause)
