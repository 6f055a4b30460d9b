"""Background task that purges what is older than the settings allow, every hour."""

import structlog

from api.background import repeat
from api.services import Services
from store.audit import Actor
from store.lock_keys import new_token
from store.retention import PurgeBusyError, Rules, purge

INTERVAL_SECONDS = 3600.0
# The pause between steps leaves the database to consumers and requests.
PAUSE_SECONDS = 0.05
# In the audit log.
API = Actor(None, "api", "command", None)
log = structlog.get_logger(__name__)


async def purge_forever(services: Services) -> None:
    """Purge old rows until cancelled. Any number of API processes may run this: one purges at a time."""
    rules, token = Rules.of(services.settings), new_token()

    async def work() -> float:
        try:
            done = await purge(services.store, rules, API, token, lambda what, n, total: None, PAUSE_SECONDS)
        except PurgeBusyError:
            return INTERVAL_SECONDS
        purged = {name: n for name, n in done.by_kind().items() if n}
        if purged:
            log.info("purged old rows", **purged)
        return INTERVAL_SECONDS

    await repeat(work, log, "purging old rows failed, retrying")
