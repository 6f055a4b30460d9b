"""How far the random audit has come: the decisions that count, and how many more give accuracy to five points."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter
from store.corrections import audit_accuracy
from store.intervals import DECISIONS_AT_MOST, decisions_to_goal


@dataclass(frozen=True, slots=True)
class AuditGoal:
    """``judged`` blind decisions count for the active model, counted up to ``DECISIONS_AT_MOST`` of a label; ``more``
    narrow its 95 % interval to GOAL_MARGIN on each side, if the share that is right stays as it is."""

    judged: int
    more: int


async def audit_goal(connection: AsyncConnection, wanted: CountFilter) -> AuditGoal:
    """The goal of the active model's audit. It costs the same however many decisions there are.

    Raises TransientStoreError.
    """
    found = await audit_accuracy(connection, wanted, most=DECISIONS_AT_MOST)
    active = next((one for one in found if one.active), None)
    if active is None:
        return AuditGoal(0, decisions_to_goal(0, 0))
    return AuditGoal(active.judged, decisions_to_goal(active.right, active.judged))
