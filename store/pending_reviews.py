"""Texts kept from the detection page: published through the outbox, and reviewed as soon as they are stored.

The text is published like any other comment. The person's label waits in a row without text until the comment arrives.
One transaction adds the review and deletes the row, so neither a crash nor a second process can review twice or lose a
label.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit import Actor, Via, record_on_comment
from store.comments import ShownLabel
from store.errors import OUTAGES, StoreError
from store.outbox import DONE
from store.reviews import Opinion, add_within
from store.session import WriteSession
from store.store import Store
from store.tables import comments, outbox, pending_reviews
from store.types import as_binary, stored_time

# If a comment has not arrived by then, nothing reads its topic any more.
LIFE = timedelta(days=7)
# Rows that one pass resolves, each in its own transaction.
ROWS_PER_PASS = 50

NEVER_ARRIVED = f"The comment was not stored within {LIFE.days} days: no consumer published it, or none read it."
EDITED = "The comment's text has changed."


@dataclass(frozen=True, slots=True)
class KeptText:
    """A comment to publish: its key and version, the record's topic, key and value, and the person's label."""

    platform: str
    id: str
    version: int
    topic: str
    key: bytes
    value: bytes
    label: ShownLabel


@dataclass(frozen=True, slots=True)
class PendingOutcome:
    """The number of pending reviews that were added to their comment, and of those that were abandoned.

    ``failed`` are those, by number, that the database refused.
    """

    reviewed: int
    given_up: int
    failed: Mapping[int, StoreError] = field(default_factory=dict)


async def keep_text(session: WriteSession, actor: Actor, kept: KeptText, now: datetime) -> None:
    """Write an outbox message for a text, a pending review and an audit record. ``actor`` must be an account."""
    order = await session.connection.execute(
        insert(outbox).values(
            topic=kept.topic,
            key=as_binary(kept.key),
            value=as_binary(kept.value),
            headers="[]",
            ordered_by=actor.name,
            ordered_at=now,
        )
    )
    await session.connection.execute(
        insert(pending_reviews).values(
            platform=kept.platform,
            id=kept.id,
            version=kept.version,
            label=kept.label,
            reviewer_number=actor.user_number,
            reviewer=actor.name,
            via=actor.via,
            address=actor.address,
            token_number=actor.token_number,
            by_user=actor.by_user,
            order_number=cast(Any, order.inserted_primary_key)[0],
            ordered_at=now,
            expires_at=now + LIFE,
        )
    )
    await record_on_comment(session, actor, "detection.keep", kept.platform, kept.id, {"label": kept.label})


async def count_pending(connection: AsyncConnection, reviewer_number: int) -> int:
    """Return the number of a person's pending reviews. Raises TransientStoreError."""
    query = select(func.count()).where(pending_reviews.c.reviewer_number == reviewer_number)
    return int((await connection.execute(query)).scalar_one())


async def resolve_pending(store: Store, now: datetime, without: Collection[int] = ()) -> PendingOutcome:
    """Review comments that have arrived, and abandon pending reviews that are refused or expired, with an audit record.

    Leaves out ``without``. A row that the database refuses does not keep others from being resolved.
    Raises the errors in OUTAGES; rows resolved before the error stay resolved.
    """
    reviewed, given_up, failed = 0, 0, {}
    for number in await store.read(_ready, now, without):
        try:
            added = await store.write(_resolve_row, number)
        except OUTAGES:
            raise
        except StoreError as error:
            failed[number] = error
            continue
        reviewed += added is True
        given_up += added is False
    return PendingOutcome(reviewed, given_up, failed)


async def _resolve_row(session: WriteSession, number: int) -> bool | None:
    """Return whether the review was added, or None if another process is resolving the row or has resolved it."""
    found = await _lock(session, number)
    if found is None:
        return None
    why = await _resolve(session, found)
    await session.connection.execute(delete(pending_reviews).where(pending_reviews.c.number == number))
    return why is None


async def _ready(connection: AsyncConnection, now: datetime, without: Collection[int]) -> Sequence[int]:
    """Return rows whose comment has arrived, whose message was refused, or that have expired, without locking them."""
    pending = pending_reviews.c
    arrived = select(comments.c.number).where(comments.c.platform == pending.platform, comments.c.id == pending.id)
    refused = select(outbox.c.number).where(outbox.c.number == pending.order_number, outbox.c.refused.is_not(None))
    query = (
        select(pending.number)
        .where(or_(arrived.exists(), refused.exists(), pending.expires_at <= now), pending.number.not_in(without))
        .order_by(pending.number)
        .limit(ROWS_PER_PASS)
    )
    return (await connection.execute(query)).scalars().all()


async def _lock(session: WriteSession, number: int) -> Any | None:
    query = select(pending_reviews).where(pending_reviews.c.number == number).with_for_update(skip_locked=True)
    return (await session.connection.execute(query)).first()


async def _resolve(session: WriteSession, pending: Any) -> str | None:
    """Add the review and return None, or record in the audit log why it is impossible and return that sentence."""
    actor = Actor(
        pending.reviewer_number,
        pending.reviewer,
        cast(Via, pending.via),
        pending.address,
        pending.token_number,
        bool(pending.by_user),
    )
    opinion = Opinion(pending.platform, pending.id, pending.version, pending.label)
    outcome = await add_within(session, actor, [opinion])
    if outcome.reviewed:
        return None
    why = EDITED if outcome.edited else await _refusal(session, pending.order_number) or NEVER_ARRIVED
    await _cancel_message(session, pending.order_number, why)
    detail = {"label": pending.label, "why": why}
    await record_on_comment(session, actor, "detection.give_up", pending.platform, pending.id, detail)
    return why


async def _cancel_message(session: WriteSession, order: int, why: str) -> None:
    """Cancel the message if it is not published yet: without its review the text need not be kept."""
    waiting = update(outbox).where(outbox.c.number == order, outbox.c.done_at.is_(None))
    await session.connection.execute(waiting.values(done_at=stored_time(session.now), refused=why, **DONE))


async def _refusal(session: WriteSession, order: int) -> str | None:
    query = select(outbox.c.refused).where(outbox.c.number == order)
    return (await session.connection.execute(query)).scalar_one_or_none()
