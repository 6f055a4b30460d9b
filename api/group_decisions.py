"""Background task that stores and withdraws decisions for all comments with the same text, step by step."""

import structlog

from api.background import POLL_SECONDS, repeat
from api.services import Services
from store.group_decisions import take_steps

# The pause between steps lets consumers and reviewers acquire locks.
PAUSE_SECONDS = 0.05
log = structlog.get_logger(__name__)


async def work_on_groups(services: Services) -> None:
    """Work on unfinished decisions until cancelled. Any number of API processes may run this."""

    async def work() -> float:
        return PAUSE_SECONDS if await take_steps(services.store) else POLL_SECONDS

    await repeat(work, log, "storing decisions for texts failed, retrying")
