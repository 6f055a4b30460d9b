"""Store and withdraw the reviews that a decision for a text copies to other comments with this text."""

from collections.abc import Mapping, Sequence

from store.attention import Attention
from store.audit import Actor
from store.blind import waiting_among
from store.disputes import decisions_of
from store.folding import folded_sha256
from store.groups import GroupLabel
from store.leases import clear_leases
from store.lock_keys import Key
from store.locked import Locked, lock_comments
from store.merge import CurrentReview
from store.opinions import undo
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


async def relabel_copies(session: WriteSession, actor: Actor, group: GroupLabel, earlier: Mapping[Key, int]) -> int:
    """Replace the copied reviews ``earlier``, by comment, that are still current; return their number."""
    current = _still_current(await lock_comments(session, sorted(earlier)), earlier)
    if current:
        attention = Attention(shown_milliseconds=None, too_fast=group.too_fast, blind=False)
        rows = [decision_row(actor, one, group.label, group.reason, attention, group.number) for one in current]
        await insert_reviews(session, current, rows)
    return len(current)


async def withdraw_copies(session: WriteSession, actor: Actor, taken: Mapping[Key, int]) -> int:
    """Withdraw the copied reviews ``taken``, by comment, that are still current; return their number.

    The copy that a withdrawn one had replaced becomes current again.
    """
    current = _still_current(await lock_comments(session, sorted(taken)), taken)
    if current:
        decided = await decisions_of(session.connection, [comment.row.number for comment in current])
        rows, moves = [], {}
        for comment in current:
            undone = undo(decided[comment.row.number], taken[comment.key], actor.user_number)
            assert undone is not None  # noqa: S101 (the current review is the actor's)
            withdrawn, left = undone
            rows.append(withdrawal_row(actor, comment, withdrawn.label, withdrawn.number))
            moves[comment.key] = (comment, None if left is None else CurrentReview(left.number, left.label))
        await session.run(session.statements.add_reviews, rows)
        await set_current(session, moves)
    return len(current)


def _still_current(locked: Sequence[Locked], copies: Mapping[Key, int]) -> list[Locked]:
    """Return the comments whose current review is the one in ``copies``."""
    return [
        comment
        for comment in locked
        if comment.row.review is not None and comment.row.review.number == copies[comment.key]
    ]
