"""Leases: a comment that somebody has before them is given to nobody else, nor is another comment with the same text.

``review_claims`` has one row a comment, and at most one a text, so that its keys decide between two who ask at once.
Comments are locked before they are claimed, as reviews and batches lock them.
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

# comment -> digest of its text
Texts = Mapping[int, int]
NO_TEXTS: Texts = {}


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reviewer is not given: ``comments`` that others hold or the reviewer skipped, and ``texts`` that somebody
    holds or the reviewer skipped, but for the ``own`` comments through which the reviewer holds one.

    They are few, and comparing with a list passes over thousands of copies much quicker than a subquery would.
    """

    comments: Sequence[int]
    texts: Sequence[int]
    own: Sequence[int]

    def comment_is_free(self, number: Column[int]) -> list[ColumnElement[bool]]:
        """That the comment ``number`` can be given."""
        return [number.not_in(self.comments)] if self.comments else []

    def text_is_free(self, number: Column[int], digest: Column[int | None]) -> list[ColumnElement[bool]]:
        """That the comment ``number`` can be given as far as its text, ``digest``, is concerned."""
        if not self.texts:
            return []
        free = or_(digest.is_(None), digest.not_in(self.texts))
        return [or_(free, number.in_(self.own)) if self.own else free]


async def read_taken(connection: AsyncConnection, reviewer: int, now: datetime) -> Taken:
    """What is taken at this moment, as far as ``reviewer`` is concerned. Raises TransientStoreError."""
    claims, skips = review_claims.c, review_skips.c
    held = select(claims.comment_number, claims.folded_digest, claims.reviewer_number == reviewer)
    left = select(skips.comment_number, skips.folded_digest).where(skips.reviewer_number == reviewer)
    taken: list[int] = []
    own: list[int] = []
    texts: set[int | None] = set()
    for number, digest, is_own in await connection.execute(held.where(claims.claimed_until > now)):
        (own if is_own else taken).append(number)
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
    """Claim those of the comments that are still free and not being changed at this moment, in their order; free are
    those of which ``waiting`` holds. With a comment in ``texts`` its text is claimed too. A claim of what waits for the
    audit is blind."""
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
    """Claim comments that are locked, and their ``texts``; returns the comments that nobody else holds."""
    claims = review_claims.c
    now = stored_time(session.now) if now is None else now
    among = claims.comment_number.in_(numbers)
    digests = [texts[number] for number in numbers if number in texts]
    for same in (among, *([claims.folded_digest.in_(digests)] if digests else [])):
        await session.connection.execute(delete(review_claims).where(same, claims.claimed_until <= now))
    # A claim that is renewed keeps its ``given_at``.
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


async def renew_own(session: WriteSession, numbers: Sequence[int], reviewer: int, until: datetime) -> list[int]:
    """Hold the reviewer's own claims on these comments longer; returns the comments."""
    claims = review_claims.c
    own = (claims.comment_number.in_(numbers), claims.reviewer_number == reviewer)
    await session.connection.execute(update(review_claims).where(*own).values(claimed_until=until))
    return list((await session.connection.execute(select(claims.comment_number).where(*own))).scalars())


async def clear_leases(session: WriteSession, numbers: Sequence[int], reviewer: int | None) -> None:
    """Nobody needs to hold or skip comments that ``reviewer`` has reviewed. Others keep what they hold for the audit:
    they decide it in any case."""
    claims = review_claims.c
    done = or_(claims.blind.is_(False), claims.reviewer_number == reviewer)
    await session.connection.execute(delete(review_claims).where(claims.comment_number.in_(numbers), done))
    await session.connection.execute(delete(review_skips).where(review_skips.c.comment_number.in_(numbers)))


async def release_own(session: WriteSession, numbers: Sequence[int] | None, reviewer: int) -> None:
    """Delete the reviewer's own claims on these comments, or all."""
    claims = review_claims.c
    named = [] if numbers is None else [claims.comment_number.in_(numbers)]
    await session.connection.execute(delete(review_claims).where(claims.reviewer_number == reviewer, *named))
