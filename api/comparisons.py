"""Background task that works on comparisons of models, one step at a time."""

import structlog

from api.background import POLL_SECONDS, repeat
from api.services import Services
from registry.compare import Worker, new_token, work_on_comparison

# The pause between steps leaves the database and this process to consumers and requests.
PAUSE_SECONDS = 0.05
log = structlog.get_logger(__name__)


async def work_on_comparisons(services: Services) -> None:
    """Work on comparisons until cancelled. Any number of API processes may run this."""
    worker = Worker(services.store, services.settings, new_token(), PAUSE_SECONDS)

    async def work() -> float:
        return 0.0 if await work_on_comparison(worker) else POLL_SECONDS

    await repeat(work, log, "comparing models failed, retrying")
