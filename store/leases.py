"""Review leases: while a reviewer has a comment, nobody else gets it or another comment with the same text.

``review_claims`` has at most one row per comment and per text, so its unique keys let only one of two concurrent
requests succeed. Comments are locked before they are leased, in the same way as reviews and batches lock them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.blind import waits_for_audit
from store.retry import retried
from store.session import WriteSession
from store.store import Store
from store.tables import comments, review_claims, review_skips
from store.types import stored_time

# Comment number -> digest of its text.
Texts = Mapping[int, int]
NO_TEXTS: Texts = {}


@dataclass(frozen=True, slots=True)
class Taken:
    """Comments and texts that a reviewer does not get.

    ``comments`` are leased to others or skipped by the reviewer. ``texts`` are leased to anyone or skipped by the
    reviewer; ``own``, the comments leased to the reviewer, are exempt from them. ``own`` maps each comment to the
    digest of the text that is leased with it, if any.

    The lists are short, and comparing thousands of copies with a list is much faster than with a subquery.
    """

    comments: Sequence[int]
    texts: Sequence[int]
    own: Mapping[int, int | None]

    def comment_is_free(self, number: Column[int]) -> list[ColumnElement[bool]]:
        """Return the condition that the comment ``number`` can be leased."""
        return [number.not_in(self.comments)] if self.comments else []

    def text_is_free(self, number: Column[int], digest: Column[int | None]) -> list[ColumnElement[bool]]:
        """Return the condition that the text ``digest`` of the comment ``number`` can be leased."""
        if not self.texts:
            return []
        free = or_(digest.is_(None), digest.not_in(self.texts))
        return [or_(free, number.in_(list(self.own))) if self.own else free]


async def read_taken(connection: AsyncConnection, reviewer: int, now: datetime) -> Taken:
    """Return the comments and texts that ``reviewer`` does not get at ``now``. Raises TransientStoreError."""
    claims, skips = review_claims.c, review_skips.c
    held = select(claims.comment_number, claims.folded_digest, claims.reviewer_number == reviewer)
    left = select(skips.comment_number, skips.folded_digest).where(skips.reviewer_number == reviewer)
    taken: list[int] = []
    own: dict[int, int | None] = {}
    texts: set[int | None] = set()
    for number, digest, is_own in await connection.execute(held.where(claims.claimed_until > now)):
        if is_own:
            own[number] = digest
        else:
            taken.append(number)
        texts.add(digest)
    for number, digest in await connection.execute(left.where(skips.until > now)):
        taken.append(number)
        texts.add(digest)
    return Taken(taken, [digest for digest in texts if digest is not None], own)


async def lease_free(
    store: Store,
    numbers: Sequence[int],
    reviewer: int,
    now: datetime,
    until: datetime,
    waiting: ColumnElement[bool],
    *,
    texts: Texts = NO_TEXTS,
) -> list[int]:
    """Lease the comments that are free and still meet ``waiting``; return the leased ones in their order.

    Comments that another transaction has locked are left out. ``texts`` names the texts to lease with their comments.
    A lease on a comment that waits for the audit is blind. Raises TransientStoreError, CommitUnknownError.
    """
    if not numbers:
        return []

    async def once() -> list[int]:
        async with store.writing() as session:
            free = (
                select(comments.c.number, waits_for_audit())
                .where(comments.c.number.in_(numbers), waiting)
                .order_by(comments.c.number)
                .with_for_update(skip_locked=True)
            )
            locked = (await session.connection.execute(free)).all()
            held = []
            for blind in (False, True):
                chosen = [number for number, waits in locked if bool(waits) is blind]
                held += await hold(session, chosen, reviewer, until, now, blind=blind, texts=texts) if chosen else []
            return held

    held = set(await retried(once, repeatable=True))
    return [number for number in numbers if number in held]


async def hold(
    session: WriteSession,
    numbers: Sequence[int],
    reviewer: int,
    until: datetime,
    now: datetime | None = None,
    *,
    blind: bool = False,
    texts: Texts = NO_TEXTS,
) -> list[int]:
    """Lease locked comments and their ``texts``; return the comments now leased to ``reviewer``."""
    claims = review_claims.c
    now = stored_time(session.now) if now is None else now
    among = claims.comment_number.in_(numbers)
    digests = [texts[number] for number in numbers if number in texts]
    for same in (among, *([claims.folded_digest.in_(digests)] if digests else [])):
        await session.connection.execute(delete(review_claims).where(same, claims.claimed_until <= now))
    # A renewed lease keeps its ``given_at``.
    own = (among, claims.reviewer_number == reviewer)
    renewed = update(review_claims).where(*own).values(claimed_until=until, blind=blind)
    await session.connection.execute(renewed)
    rows: list[dict[str, Any]] = [
        {
            "comment_number": number,
            "reviewer_number": reviewer,
            "claimed_until": until,
            "folded_digest": texts.get(number),
            "given_at": now,
            "blind": blind,
        }
        for number in sorted(numbers)
    ]
    await session.run(session.statements.add_claims, rows)
    return list((await session.connection.execute(select(claims.comment_number).where(*own))).scalars())


async def renew_own(
    session: WriteSession, numbers: Sequence[int], reviewer: int, now: datetime, until: datetime
) -> list[int]:
    """Renew the reviewer's own leases on these comments; return the comments.

    An expired blind lease is not renewed: the reviewer may have seen the label since.
    """
    claims = review_claims.c
    valid = or_(claims.blind.is_(False), claims.claimed_until > now)
    own = (claims.comment_number.in_(numbers), claims.reviewer_number == reviewer, valid)
    await session.connection.execute(update(review_claims).where(*own).values(claimed_until=until))
    return list((await session.connection.execute(select(claims.comment_number).where(*own))).scalars())


async def clear_leases(session: WriteSession, numbers: Sequence[int], reviewer: int | None) -> None:
    """Delete leases and skips of comments that ``reviewer`` has reviewed.

    Other reviewers keep their blind leases, because the audit needs their decisions anyway.
    """
    claims = review_claims.c
    done = or_(claims.blind.is_(False), claims.reviewer_number == reviewer)
    await session.connection.execute(delete(review_claims).where(claims.comment_number.in_(numbers), done))
    await session.connection.execute(delete(review_skips).where(review_skips.c.comment_number.in_(numbers)))


async def release_own(session: WriteSession, numbers: Sequence[int] | None, reviewer: int) -> None:
    """Delete the reviewer's own leases on these comments, or all of them."""
    claims = review_claims.c
    named = [] if numbers is None else [claims.comment_number.in_(numbers)]
    await session.connection.execute(delete(review_claims).where(claims.reviewer_number == reviewer, *named))
