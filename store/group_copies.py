"""Store and withdraw the reviews that a decision for a text copies to other comments with this text."""

from collections.abc import Mapping, Sequence

from store.attention import Attention
from store.audit import Actor
from store.blind import waiting_among
from store.folding import folded_sha256
from store.groups import GroupLabel
from store.leases import clear_leases
from store.lock_keys import Key
from store.locked import lock_comments
from store.review_rows import decision_row, insert_reviews, set_current, withdrawal_row
from store.session import WriteSession


async def add_copies(session: WriteSession, actor: Actor, group: GroupLabel, keys: Sequence[Key]) -> int:
    """Copy a decision to the comments that still have its text and no review; return their number.

    Comments that wait for the random audit are left out. Copies do not count as reviewer's work, because the reviewer
    made one decision, nor as separate opinions in disputes and agreement.
    """
    locked = await lock_comments(session, sorted(keys))
    waiting = await waiting_among(session, [comment.row.number for comment in locked])
    fresh = [
        comment
        for comment in locked
        if comment.row.review is None
        and comment.row.number not in waiting
        and folded_sha256(comment.row.content.text) == group.folded_sha256
    ]
    if fresh:
        # The reviewer did not see the copies, so they have no viewing time.
        attention = Attention(shown_milliseconds=None, too_fast=group.too_fast, blind=False)
        rows = [decision_row(actor, one, group.label, group.reason, attention, group.number) for one in fresh]
        await insert_reviews(session, fresh, rows)
        await clear_leases(session, [comment.row.number for comment in fresh], actor.user_number)
    return len(fresh)


async def withdraw_copies(session: WriteSession, actor: Actor, taken: Mapping[Key, int]) -> int:
    """Withdraw the copied reviews ``taken``, by comment, that are still current; return their number."""
    current = [
        (comment, comment.row.review)
        for comment in await lock_comments(session, sorted(taken))
        if comment.row.review is not None and comment.row.review.number == taken[comment.key]
    ]
    if current:
        rows = [withdrawal_row(actor, comment, review.label, review.number) for comment, review in current]
        await session.run(session.statements.add_reviews, rows)
        await set_current(session, {comment.key: (comment, None) for comment, _ in current})
    return len(current)
