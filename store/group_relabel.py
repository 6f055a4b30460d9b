"""Label the copies of a decision for a text again, after its first comment received another undisputed label.

The new review becomes the first one of a decision that follows the earlier one: its copies replace the earlier copies.
"""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Row, insert, select, update

from store.audit import JSON, Actor, record
from store.group_copies import relabel_copies
from store.groups import COPIES_WAIT, DECIDED, GroupLabel, GroupState, is_copied
from store.lock_keys import Key
from store.review_tables import group_decisions
from store.session import WriteSession
from store.tables import comments, reviews
from store.types import stored_time


async def order_relabelling(session: WriteSession, actor: Actor, added: Sequence[int]) -> None:
    """Insert a decision for each of the new reviews ``added`` whose label differs from that of the comment's decision.

    The comments must be locked and undisputed. Steps of the decision replace the copies.
    """
    if not added:
        return
    for review in await _reviews(session, added):
        earlier = await _decision_of(session, review)
        if earlier is None or earlier.label == review.label:
            continue
        if earlier.stored > 1 or earlier.state == GroupState.STORING:
            await _order(session, actor, review, earlier)


async def relabel_some(
    session: WriteSession, order: Row[Any], actor: Actor, group: GroupLabel, at_most: int
) -> tuple[int, int, int | None]:
    """Replace ``at_most`` copies of the decision that ``order`` follows.

    Return the numbers of replaced and skipped copies, and the last earlier review, or None after the last step.
    """
    of = reviews.c
    query = (
        select(of.number, comments.c.platform, comments.c.id)
        .join_from(reviews, comments, comments.c.number == of.comment_number)
        .where(of.group_number == order.follows, of.number > order.done_up_to, is_copied())
        .order_by(of.number)
        .limit(at_most)
    )
    found = (await session.connection.execute(query)).all()
    earlier: dict[Key, int] = {(row.platform, row.id): row.number for row in found}
    replaced = await relabel_copies(session, actor, group, earlier)
    return replaced, len(found) - replaced, found[-1].number if len(found) == at_most else None


async def _reviews(session: WriteSession, numbers: Sequence[int]) -> Sequence[Any]:
    of = reviews.c
    query = select(of.number, of.comment_number, of.text, of.label, of.reason, of.too_fast)
    query = query.where(of.number.in_(numbers), of.group_number.is_(None))
    return (await session.connection.execute(query)).all()


async def _decision_of(session: WriteSession, review: Any) -> Row[Any] | None:
    """Return the newest decision for the text whose first review is of the same comment, unless it is withdrawn."""
    of = reviews.c
    query = (
        select(group_decisions)
        .join_from(reviews, group_decisions, group_decisions.c.review_number == of.number)
        .where(of.comment_number == review.comment_number, of.text == review.text)
        .where(group_decisions.c.state.in_(DECIDED))
        .order_by(group_decisions.c.number.desc())
        .limit(1)
    )
    return (await session.connection.execute(query)).one_or_none()


async def _order(session: WriteSession, actor: Actor, review: Any, earlier: Row[Any]) -> None:
    decided_at = stored_time(session.now)
    inserted = await session.connection.execute(
        insert(group_decisions).values(
            folded_digest=earlier.folded_digest,
            folded_sha256=earlier.folded_sha256,
            review_number=review.number,
            label=review.label,
            too_fast=review.too_fast,
            reason=review.reason,
            reviewer=actor.name,
            reviewer_number=actor.user_number,
            decided_at=decided_at,
            state=GroupState.STORING,
            occurrences=earlier.stored - earlier.withdrawn,
            more_occurrences=earlier.state == GroupState.STORING,
            last_comment=earlier.last_comment,
            done_up_to=0,
            stored=1,
            skipped=0,
            withdrawn=0,
            copies_wait_until=decided_at + COPIES_WAIT,
            follows=earlier.number,
        )
    )
    number = int(cast(Any, inserted.inserted_primary_key)[0])
    await session.connection.execute(
        update(reviews).where(reviews.c.number == review.number).values(group_number=number)
    )
    detail: dict[str, JSON] = {"label": review.label, "follows": earlier.number, "stored": earlier.stored}
    await record(session, actor, "review.add_group", "group", str(number), detail)
