"""Add and withdraw reviews, each in one transaction with its effects.

A review changes the shown label, the review queue, the counts and the audit log. The rules for the current review of a
text and for disputes are in opinions.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from store.attention import Attention, Given, attend
from store.audit import JSON, Actor, record, record_on_comment
from store.blind import add_blind_decisions, waiting_among, withdraw_blind_decision
from store.comments import LabelSource, ShownLabel, text_digest
from store.disputes import decisions_of, move_disputes, weighed_of
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError, ReviewError
from store.folding import folded_digest
from store.group_relabel import order_relabelling
from store.leases import clear_leases, hold
from store.lock_keys import Key, LockedRow
from store.locked import Locked, lock_comments
from store.merge import CurrentReview
from store.opinions import undo
from store.retry import retried
from store.review_rows import decision_row, insert_reviews, set_current, withdrawal_row
from store.review_work import NOBODY, Work, count_work, uncount_work
from store.session import WriteSession
from store.store import Store
from store.tables import reviews
from store.types import stored_time

# A transaction with this many reviews takes well under a second.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Opinion:
    """A reviewer's decision on a comment.

    ``version`` identifies the text that the reviewer saw. If ``text_digest`` is set, it is compared instead, because
    the text can also change within one version. ``blind`` marks the answer to a blind task of the audit; it is ignored
    unless the task is leased to the reviewer. ``shown_milliseconds`` is how long the page showed the text.
    """

    platform: str
    id: str
    version: int
    label: ShownLabel
    reason: str | None = None
    text_digest: str | None = None
    blind: bool = False
    shown_milliseconds: int | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that is now current.

    ``number`` identifies the review. ``from_label`` and ``from_source`` are the label shown before and its source. A
    second opinion follows an earlier review of the same text.
    """

    platform: str
    id: str
    number: int
    label: ShownLabel
    from_label: ShownLabel | None
    from_source: LabelSource | None
    second_opinion: bool


@dataclass(frozen=True, slots=True)
class ReviewsOutcome:
    """The result of several opinions. All fields except ``reviewed`` list comments that were not reviewed.

    The text of ``edited`` comments is not the one that the reviewer saw, ``missing`` comments do not exist, and
    ``in_audit`` comments wait for the random audit.
    """

    reviewed: Sequence[Reviewed]
    edited: Sequence[Key]
    missing: Sequence[Key]
    in_audit: Sequence[Key] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """A withdrawn review, and the label that is shown instead.

    ``blind`` is whether it was a blind decision, which its reviewer may repeat.
    """

    platform: str
    id: str
    taken_back: ShownLabel
    label: ShownLabel | None
    label_source: LabelSource | None
    blind: bool = False


async def add_review(store: Store, actor: Actor, opinion: Opinion) -> Reviewed:
    """Add a review of one comment. Repeating one's own current decision adds nothing.

    Raises EditedMeanwhileError, NoCommentError, TransientStoreError, CommitUnknownError.
    """

    async def once() -> ReviewsOutcome:
        async with store.writing() as session:
            return await add_within(session, actor, [opinion])

    return only_review(await retried(once, repeatable=True), opinion)


def only_review(outcome: ReviewsOutcome, opinion: Opinion) -> Reviewed:
    """Return the review from the outcome of a single opinion. Raises EditedMeanwhileError, NoCommentError."""
    if outcome.edited:
        raise EditedMeanwhileError("The comment was edited meanwhile: look at its new text and decide again.")
    if outcome.missing:
        raise NoCommentError(
            f"There is no comment {opinion.id!r} of platform {opinion.platform}: it was never stored, or it was erased."
        )
    return outcome.reviewed[0]


async def add_reviews(store: Store, actor: Actor, opinions: Sequence[Opinion]) -> ReviewsOutcome:
    """Add at most AT_ONCE reviews in one transaction. Of several opinions on one comment, the last one counts.

    Comments that wait for the random audit are left out, because nobody looks at each comment of a bulk decision.
    Raises ReviewError for more than AT_ONCE opinions, TransientStoreError, CommitUnknownError.
    """
    if len(opinions) > AT_ONCE:
        raise ReviewError(f"At most {AT_ONCE} comments are reviewed at once: send them in parts.")

    async def once() -> ReviewsOutcome:
        async with store.writing() as session:
            return await add_within(session, actor, opinions, many=True)

    return await retried(once, repeatable=True)


async def undo_review(
    store: Store,
    actor: Actor,
    platform: str,
    id: str,
    claim_until: datetime | None = None,
    *,
    number: int | None = None,
) -> Undone:
    """Withdraw the actor's latest review of a comment and make the previous review current.

    With ``number``, withdraw only that review, so that a repeated request does not withdraw a second one. If the
    comment has no review left or the review was a blind decision, lease the comment to the actor until ``claim_until``.
    Raises NothingToUndoError, NoCommentError, TransientStoreError, CommitUnknownError.
    """

    async def once() -> Undone:
        async with store.writing() as session:
            return await undo_within(session, actor, (platform, id), claim_until, number)

    return await retried(once)


async def add_within(
    session: WriteSession, actor: Actor, opinions: Sequence[Opinion], *, many: bool = False
) -> ReviewsOutcome:
    """Add reviews in the session's transaction.

    With ``many``, leave out comments that wait for the audit, as ``add_reviews`` does. Otherwise review them too; they
    continue to wait unless the decision is blind.
    """
    by_key = {(opinion.platform, opinion.id): opinion for opinion in opinions}
    wanted = dict(sorted(by_key.items()))
    locked = await lock_comments(session, list(wanted))
    edited = {comment.key for comment in locked if not _seen(wanted[comment.key], comment.row)}
    waiting = await waiting_among(session, [comment.row.number for comment in locked]) if many else set()
    in_audit = {comment.key for comment in locked if comment.row.number in waiting} - edited
    seen = [comment for comment in locked if comment.key not in edited | in_audit]
    own = await _own_standing(session, actor, seen)
    repeated = {comment.key for comment in seen if own.get(comment.row.number) == wanted[comment.key].label}
    fresh = [comment for comment in seen if comment.key not in repeated]
    added = await _add(session, actor, fresh, wanted, many=many) if fresh else {}
    reviewed = [_reviewed(comment, wanted[comment.key], added.get(comment.row.number)) for comment in seen]
    if fresh:
        await _record_added(session, actor, [one for one in reviewed if (one.platform, one.id) not in repeated])
    found = {comment.key for comment in locked}
    missing = [key for key in wanted if key not in found]
    return ReviewsOutcome(reviewed, sorted(edited), missing, sorted(in_audit))


async def _add(
    session: WriteSession, actor: Actor, fresh: Sequence[Locked], wanted: Mapping[Key, Opinion], *, many: bool
) -> dict[int, CurrentReview]:
    """Store new decisions with their effects; return the current review by comment number."""
    again: dict[int, int | None] = {
        comment.row.number: comment.row.review.number for comment in fresh if comment.row.review is not None
    }
    were = await weighed_of(session.connection, again)
    attended = await attend(session, actor.user_number, [_given(comment, wanted[comment.key]) for comment in fresh])
    rows = [
        decision_row(actor, one, wanted[one.key].label, wanted[one.key].reason, attention=attended[one.row.number])
        for one in fresh
    ]
    added = await insert_reviews(session, fresh, rows)
    await count_work(session, Counter(_work(session, actor, comment, wanted[comment.key]) for comment in fresh))
    await add_blind_decisions(
        session,
        [
            _blind_row(actor, comment, added[comment.row.number], attended[comment.row.number])
            for comment in fresh
            if attended[comment.row.number].blind
        ],
    )
    if again:
        current: dict[int, int | None] = {number: added[number].number for number in again}
        are = await weighed_of(session.connection, current)
        await move_disputes(session, were, are, current)
        # Nobody looks at each comment of a bulk decision, so it does not apply to copies.
        resolved = [] if many else [added[number].number for number, weighed in are.items() if not weighed.disputed]
        await order_relabelling(session, actor, resolved)
    await clear_leases(session, [comment.row.number for comment in fresh], actor.user_number)
    return added


def _seen(opinion: Opinion, row: LockedRow) -> bool:
    """Return whether the reviewer saw the current text."""
    if opinion.text_digest is not None:
        return opinion.text_digest == text_digest(row.content.text)
    return opinion.version == row.content.version


async def _own_standing(session: WriteSession, actor: Actor, seen: Sequence[Locked]) -> dict[int, str]:
    """Return the labels of the current reviews that are this reviewer's own, by comment number."""
    standing = {comment.row.review.number: comment for comment in seen if comment.row.review is not None}
    if not standing:
        return {}
    query = select(reviews.c.number, reviews.c.label).where(
        reviews.c.number.in_(standing), reviews.c.reviewer_number.is_not_distinct_from(actor.user_number)
    )
    return {standing[number].row.number: label for number, label in await session.connection.execute(query)}


def _given(comment: Locked, opinion: Opinion) -> Given:
    return Given(comment.row.number, comment.row.content.text, opinion.blind, opinion.shown_milliseconds)


def _blind_row(actor: Actor, comment: Locked, review: CurrentReview, attention: Attention) -> dict[str, object]:
    """Return the row of a blind decision, by column."""
    return {
        "comment_number": comment.row.number,
        "comment_version": comment.row.content.version,
        "text_digest": text_digest(comment.row.content.text),
        "label": review.label,
        "review_number": review.number,
        "reviewer": actor.name,
        "reviewer_number": actor.user_number,
        "shown_milliseconds": attention.shown_milliseconds,
        "too_fast": attention.too_fast,
        "withdrawn": False,
    }


def _work(session: WriteSession, actor: Actor, comment: Locked, opinion: Opinion) -> Work:
    """Return the key under which this review is counted."""
    said = None if comment.prediction is None else comment.prediction.label
    reviewer, model = actor.user_number or NOBODY, comment.model or NOBODY
    return stored_time(session.now), reviewer, model, comment.key[0], said or "", opinion.label


def _reviewed(comment: Locked, opinion: Opinion, review: CurrentReview | None) -> Reviewed:
    """Return the result for one comment; ``review`` is None if the reviewer's current decision was the same."""
    before = comment.row.review
    from_label, from_source = comment.shown(before)
    standing = review or before
    assert standing is not None  # noqa: S101 (a repeated decision has one)
    second = review is not None and before is not None
    return Reviewed(*comment.key, standing.number, opinion.label, from_label, from_source, second)


async def _record_added(session: WriteSession, actor: Actor, added: Sequence[Reviewed]) -> None:
    """Write one audit log entry, also for many reviews, since each comment's history lists its reviews."""
    if len(added) == 1:
        one = added[0]
        detail: dict[str, JSON] = {
            "label": one.label,
            "from_label": one.from_label,
            "from_source": one.from_source,
            "second_opinion": one.second_opinion,
        }
        await record_on_comment(session, actor, "review.add", one.platform, one.id, detail)
        return
    labels: dict[str, JSON] = dict(Counter(str(one.label) for one in added))
    numbers: list[JSON] = [one.number for one in added]
    await record(session, actor, "review.add_many", "comments", "", {"labels": labels, "reviews": numbers})


async def undo_within(
    session: WriteSession, actor: Actor, key: Key, claim_until: datetime | None, number: int | None
) -> Undone:
    """Withdraw a review as ``undo_review`` does, in the session's transaction.

    Raises NothingToUndoError and NoCommentError before anything is written, and TransientStoreError.
    """
    locked = await lock_comments(session, [key])
    if not locked:
        raise NoCommentError(
            f"There is no comment {key[1]!r} of platform {key[0]}: it was never stored, or it was erased."
        )
    comment, of = locked[0], locked[0].row.number
    standing = None if comment.row.review is None else comment.row.review.number
    undone = undo((await decisions_of(session.connection, [of]))[of], standing, actor.user_number)
    if undone is None or number not in (None, undone[0].number):
        raise NothingToUndoError("You have no review of the current text, so there is nothing to undo.")
    taken, left = undone
    after = None if left is None else CurrentReview(left.number, left.label)
    were = await weighed_of(session.connection, {of: standing})
    await session.run(session.statements.add_reviews, [withdrawal_row(actor, comment, taken.label, taken.number)])
    await set_current(session, {key: (comment, after)})
    await uncount_work(session, comment.key[0], taken)
    current = {of: None if left is None else left.number}
    await move_disputes(session, were, await weighed_of(session.connection, current), current)
    blind = await withdraw_blind_decision(session, of, taken.number)
    if (after is None or blind) and claim_until is not None and actor.user_number is not None:
        texts = {} if blind else {of: folded_digest(comment.row.content.text)}
        await hold(session, [of], actor.user_number, claim_until, blind=blind, texts=texts)
    label, source = comment.shown(after)
    detail: dict[str, JSON] = {"taken_back": taken.label, "label": label, "label_source": source}
    await record_on_comment(session, actor, "review.undo", *key, detail)
    return Undone(*key, ShownLabel(taken.label), label, source, blind)
