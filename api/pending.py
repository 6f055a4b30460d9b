"""Turn the labels of kept texts into reviews in the background, once the texts are stored."""

import structlog

from api.background import POLL_SECONDS, FailedRows, repeat
from api.services import Services
from store.pending_reviews import resolve_pending

log = structlog.get_logger(__name__)


async def resolve_pending_forever(services: Services) -> None:
    """Resolve pending reviews whose comments are stored, until cancelled. Several API processes may run this."""
    failed = FailedRows()

    async def work() -> float:
        resolved = await resolve_pending(services.store, services.now(), failed.numbers())
        failed.add(resolved.failed, log, "a pending review failed, will retry")
        if resolved.reviewed or resolved.given_up:
            log.info("pending reviews resolved", reviewed=resolved.reviewed, given_up=resolved.given_up)
        return POLL_SECONDS

    await repeat(work, log, "resolving pending reviews failed, will retry")
