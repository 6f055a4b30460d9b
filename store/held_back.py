"""The part of the audit sample that is held back from training, so that comparisons of models stay unbiased.

Half of the sample is held back: the comments with an even rank. The rank is a keyed digest of (platform, id), so the
choice is random and permanent, and does not depend on the sample's share or on the order of reviews.
"""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import ShownLabel
from store.store import Store
from store.tables import comments

# Comments per query: texts can be long.
TEXTS_AT_ONCE = 1_000


def is_held_back() -> ColumnElement[bool]:
    """Return the condition that a comment is held back from training."""
    return and_(comments.c.audit_rank.is_not(None), comments.c.audit_rank % 2 == 0)


async def held_back_texts(store: Store) -> AsyncIterator[str]:
    """Yield the current text of every comment that is held back, decided or not. Raises TransientStoreError.

    Texts are read in steps, which needs little memory and keeps no transaction open. A comment that is decided
    meanwhile may be returned twice.
    """
    for blind_label in (None, *ShownLabel):
        after = -1
        while True:
            found = await store.read(_next_texts, blind_label, after)
            for _, text in found:
                yield text
            if len(found) < TEXTS_AT_ONCE:
                break
            after = found[-1][0]


async def _next_texts(connection: AsyncConnection, blind_label: str | None, after: int) -> Sequence[tuple[int, str]]:
    """Return the next comments in the order of their ranks, from the index ``comments_to_audit``."""
    of = comments.c
    query = (
        select(of.audit_rank, of.text)
        .where(of.blind_label.is_not_distinct_from(blind_label), of.audit_rank > after, is_held_back())
        .order_by(of.audit_rank)
        .limit(TEXTS_AT_ONCE)
    )
    return [(rank, text) for rank, text in await connection.execute(query)]
