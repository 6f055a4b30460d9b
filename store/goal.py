"""Report the audit's progress towards an accuracy interval of plus or minus five percentage points."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter
from store.corrections import audit_accuracy
from store.intervals import DECISIONS_AT_MOST, decisions_to_goal


@dataclass(frozen=True, slots=True)
class AuditGoal:
    """Progress towards a 95 % interval of at most GOAL_MARGIN on each side for the active model's accuracy.

    ``judged`` is the number of blind decisions that count, at most twice ``DECISIONS_AT_MOST`` per label. ``more`` is
    how many more are needed if the accuracy does not change.
    """

    judged: int
    more: int


async def audit_goal(connection: AsyncConnection, filters: CountFilter) -> AuditGoal:
    """Return the progress of the active model's audit, at a cost that does not depend on the number of decisions.

    Raises TransientStoreError.
    """
    found = await audit_accuracy(connection, filters, most=2 * DECISIONS_AT_MOST)
    active = next((one for one in found if one.active), None)
    if active is None:
        return AuditGoal(0, decisions_to_goal(0, 0))
    # Of a model that was trained on reviews, only every second decision counts.
    every = 2 if active.held_back_only else 1
    return AuditGoal(active.judged, every * decisions_to_goal(active.right, active.judged))
