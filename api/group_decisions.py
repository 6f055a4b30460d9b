"""Background task that stores and withdraws decisions for all comments with the same text, step by step."""

import structlog

from api.background import POLL_SECONDS, FailedRows, repeat
from api.services import Services
from store.group_decisions import take_steps

# The pause between steps lets consumers and reviewers acquire locks.
PAUSE_SECONDS = 0.05
log = structlog.get_logger(__name__)


async def work_on_groups(services: Services) -> None:
    """Work on unfinished decisions until cancelled. Any number of API processes may run this."""
    failed = FailedRows()

    async def work() -> float:
        steps = await take_steps(services.store, failed.numbers())
        failed.add(steps.failed, log, "a decision for a text failed, will retry")
        return PAUSE_SECONDS if steps.taken else POLL_SECONDS

    await repeat(work, log, "storing decisions for texts failed, retrying")
