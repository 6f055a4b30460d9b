"""Record in the audit log what people tried or read: refused requests, failed sign-ins, exports, contact data.

Unlike changes, these could be repeated endlessly, so each process records only a limited number of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from store import audit
from store.audit import JSON, Actor
from store.store import Store

# Records of one kind with the same subject, for example an address or an account, and of one kind altogether.
OF_SUBJECT = RateLimitItemPerMinute(10, 15, namespace="subject")
OF_ACTION = RateLimitItemPerMinute(300, 15, namespace="action")


@dataclass(frozen=True, slots=True)
class Observation:
    """Something to record. ``subject`` is what it is limited by, in addition to the action."""

    action: str
    object_kind: str
    object_id: str
    subject: str
    detail: Mapping[str, JSON] = field(default_factory=dict)


class Observations:
    """Writes observations to the audit log, within the limits of this process."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def record(self, store: Store, actor: Actor, observed: Observation) -> None:
        """Record an observation in its own transaction. Raises what ``Store.writing`` raises."""
        # The limit of the action comes first: it also bounds the number of subjects to remember.
        if not await self._limiter.hit(OF_ACTION, observed.action):
            return
        if not await self._limiter.hit(OF_SUBJECT, observed.action, observed.subject):
            return
        async with store.writing() as session:
            kind, id = observed.object_kind, observed.object_id
            await audit.record(session, actor, observed.action, kind, id, observed.detail)


def anonymous(address: str | None) -> Actor:
    """Return the actor of somebody who has not signed in."""
    return Actor(None, "", "anonymous", address)
