"""Texts that people keep from the detection: published through the outbox, and reviewed as soon as they are stored.

The text travels as any other comment does; what the person said of it waits here, in a row without text, until the
comment is there. Row and review change hands in one transaction, so that neither a crash nor a second process reviews
twice, and nothing is forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit import Actor, Via, record
from store.comments import ShownLabel
from store.outbox import DONE
from store.reviews import Opinion, add_within
from store.session import WriteSession
from store.store import Store
from store.tables import comments, outbox, pending_reviews
from store.types import as_binary, stored_time

# A topic that nobody reads for so long is read no more.
LIFE = timedelta(days=7)
# Rows that one look takes up: each is a transaction of its own.
AT_ONCE = 50

NEVER_ARRIVED = f"The comment was not stored within {LIFE.days} days: no consumer published it, or none read it."
EDITED = "The comment has another text by now."


@dataclass(frozen=True, slots=True)
class KeptText:
    """A comment to publish: its identity and version, the record's topic, key and value, and what a person says of
    it."""

    platform: str
    id: str
    version: int
    topic: str
    key: bytes
    value: bytes
    label: ShownLabel


@dataclass(frozen=True, slots=True)
class Settled:
    """How many pending reviews were added to their comment, and how many were given up."""

    reviewed: int
    given_up: int


async def keep_text(session: WriteSession, actor: Actor, kept: KeptText, now: datetime) -> None:
    """Order a text to be published and reviewed, with its line in the audit log, within one transaction.

    ``actor`` is a person's account.
    """
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
            order_number=cast(Any, order.inserted_primary_key)[0],
            ordered_at=now,
            expires_at=now + LIFE,
        )
    )
    await record(session, actor, "detection.keep", "comment", f"{kept.platform}:{kept.id}", {"label": kept.label})


async def count_pending(connection: AsyncConnection, reviewer_number: int) -> int:
    """How many texts of one person wait. Raises TransientStoreError."""
    query = select(func.count()).where(pending_reviews.c.reviewer_number == reviewer_number)
    return int((await connection.execute(query)).scalar_one())


async def resolve_pending(store: Store, now: datetime) -> Settled:
    """Review what has arrived meanwhile, and give up what never will, with a sentence in the audit log.

    Raises TransientStoreError and CommitUnknownError; what was settled before stays settled.
    """
    reviewed = given_up = 0
    for number in await store.read(_ready, now):
        async with store.writing() as session:
            found = await _lock(session, number)
            if found is None:
                continue  # Another process has it, or had it.
            why = await _settle(session, found)
            await session.connection.execute(delete(pending_reviews).where(pending_reviews.c.number == number))
        reviewed += why is None
        given_up += why is not None
    return Settled(reviewed, given_up)


async def _ready(connection: AsyncConnection, now: datetime) -> Sequence[int]:
    """Rows whose comment is there, whose order was refused, or whose time is over; asked without a lock."""
    pending = pending_reviews.c
    arrived = select(comments.c.number).where(comments.c.platform == pending.platform, comments.c.id == pending.id)
    refused = select(outbox.c.number).where(outbox.c.number == pending.order_number, outbox.c.refused.is_not(None))
    query = (
        select(pending.number)
        .where(or_(arrived.exists(), refused.exists(), pending.expires_at <= now))
        .order_by(pending.number)
        .limit(AT_ONCE)
    )
    return (await connection.execute(query)).scalars().all()


async def _lock(session: WriteSession, number: int) -> Any | None:
    query = select(pending_reviews).where(pending_reviews.c.number == number).with_for_update(skip_locked=True)
    return (await session.connection.execute(query)).first()


async def _settle(session: WriteSession, pending: Any) -> str | None:
    """Add the review, or say in the audit log why there will be none: that sentence, None for a review."""
    actor = Actor(pending.reviewer_number, pending.reviewer, cast(Via, pending.via), pending.address)
    opinion = Opinion(pending.platform, pending.id, pending.version, pending.label)
    outcome = await add_within(session, actor, [opinion])
    if outcome.reviewed:
        return None
    why = EDITED if outcome.edited else await _refusal(session, pending.order_number) or NEVER_ARRIVED
    await _withdraw(session, pending.order_number, why)
    detail = {"label": pending.label, "why": why}
    await record(session, actor, "detection.give_up", "comment", f"{pending.platform}:{pending.id}", detail)
    return why


async def _withdraw(session: WriteSession, order: int, why: str) -> None:
    """An order that nobody carried out is carried out no more: without its review the text is kept for nothing."""
    waiting = update(outbox).where(outbox.c.number == order, outbox.c.done_at.is_(None))
    await session.connection.execute(waiting.values(done_at=stored_time(session.now), refused=why, **DONE))


async def _refusal(session: WriteSession, order: int) -> str | None:
    query = select(outbox.c.refused).where(outbox.c.number == order)
    return (await session.connection.execute(query)).scalar_one_or_none()
