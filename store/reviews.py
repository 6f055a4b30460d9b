"""What people decide: reviews are added and taken back, each in one transaction with all that follows from it.

A review moves the label that is shown, the review queue, two tables of counts and the audit log. Which review of a
text stands is told in opinions.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from store.audit import JSON, Actor, record
from store.batch import Prediction
from store.comments import LabelSource, ShownLabel, shown_model, text_digest
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError, ReviewError
from store.lock_keys import Key, LockedRow, lock_current
from store.merge import ALL_PLATFORMS, CurrentReview, Labelled, ReviewerCount, labelled_as
from store.models import read_models
from store.opinions import Decision, undo
from store.queue import clear_leases, hold
from store.ranges import DAY, HOUR, MONTH, bucket_of
from store.retry import retried
from store.session import WriteSession
from store.store import Store
from store.tables import predictions, reviews
from store.types import stored_time
from store.write import move_counts, move_label_counts

# A transaction of so many reviews takes well under a second.
AT_ONCE = 500
# In a count's key: a reviewer without an account, and no model.
NOBODY = 0

# time of the review, reviewer, model, platform, label of the model, label of the review
Work = tuple[datetime, int, int, str, str, str]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer decides of a comment. ``version`` is that of the text that the reviewer saw; ``text_digest``,
    where given, is compared instead of it: it knows texts that were changed within one version too."""

    platform: str
    id: str
    version: int
    label: ShownLabel
    reason: str | None = None
    text_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that stands now. ``number`` is the review's, ``from_...`` what was shown before; a second opinion stands
    beside an earlier review of the same text."""

    platform: str
    id: str
    number: int
    label: ShownLabel
    from_label: ShownLabel | None
    from_source: LabelSource | None
    second_opinion: bool


@dataclass(frozen=True, slots=True)
class ReviewsOutcome:
    """What became of several opinions, by (platform, id): ``edited`` have another text than was seen, ``missing`` are
    not there; neither was reviewed."""

    reviewed: Sequence[Reviewed]
    edited: Sequence[Key]
    missing: Sequence[Key]


@dataclass(frozen=True, slots=True)
class Undone:
    """A review that was taken back, and the label that is shown instead."""

    platform: str
    id: str
    taken_back: ShownLabel
    label: ShownLabel | None
    label_source: LabelSource | None


@dataclass(frozen=True, slots=True)
class _Locked:
    """A comment under lock. ``model`` is the one whose prediction is shown."""

    key: Key
    row: LockedRow
    predictions: Mapping[int, Prediction]
    model: int | None
    model_is_active: bool

    @property
    def prediction(self) -> Prediction | None:
        return None if self.model is None else self.predictions[self.model]

    def shown(self, review: CurrentReview | None) -> tuple[ShownLabel | None, LabelSource | None]:
        """The label that is shown when ``review`` stands, and whose it is."""
        if review is not None:
            return ShownLabel(review.label), LabelSource.REVIEW
        if self.prediction is None:
            return None, None
        source = LabelSource.ACTIVE_MODEL if self.model_is_active else LabelSource.OTHER_MODEL
        return ShownLabel(self.prediction.label), source


async def add_review(store: Store, actor: Actor, opinion: Opinion) -> Reviewed:
    """Add a review of one comment; the same decision by the same person again adds nothing.

    Raises EditedMeanwhileError, NoCommentError, TransientStoreError, CommitUnknownError.
    """
    outcome = await add_reviews(store, actor, [opinion])
    if outcome.edited:
        raise EditedMeanwhileError("The comment was edited meanwhile: look at its new text and decide again.")
    if outcome.missing:
        raise NoCommentError(
            f"There is no comment {opinion.id!r} of platform {opinion.platform}: it was never stored, or it was erased."
        )
    return outcome.reviewed[0]


async def add_reviews(store: Store, actor: Actor, opinions: Sequence[Opinion]) -> ReviewsOutcome:
    """Add at most AT_ONCE reviews in one transaction; of several opinions on one comment the last one counts.

    Raises ReviewError when there are more, TransientStoreError, CommitUnknownError.
    """
    if len(opinions) > AT_ONCE:
        raise ReviewError(f"At most {AT_ONCE} comments are reviewed at once: send them in parts.")

    async def once() -> ReviewsOutcome:
        async with store.writing() as session:
            return await add_within(session, actor, opinions)

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
    """Take back the actor's own latest review of a comment: what stood before it stands again.

    With ``number`` only that review, so that asking twice takes back one. A comment that is then without a review is
    the actor's to review until ``claim_until``.
    Raises NothingToUndoError, NoCommentError, TransientStoreError, CommitUnknownError.
    """

    async def once() -> Undone:
        async with store.writing() as session:
            return await _undo(session, actor, (platform, id), claim_until, number)

    return await retried(once)


async def add_within(session: WriteSession, actor: Actor, opinions: Sequence[Opinion]) -> ReviewsOutcome:
    """As ``add_reviews``, in the session's transaction."""
    by_key = {(opinion.platform, opinion.id): opinion for opinion in opinions}
    wanted = dict(sorted(by_key.items()))
    locked = await _lock(session, list(wanted))
    edited = {comment.key for comment in locked if not _seen(wanted[comment.key], comment.row)}
    seen = [comment for comment in locked if comment.key not in edited]
    own = await _own_standing(session, actor, seen)
    repeated = {comment.key for comment in seen if own.get(comment.row.number) == wanted[comment.key].label}
    fresh = [comment for comment in seen if comment.key not in repeated]
    added = await _insert(session, actor, fresh, wanted) if fresh else {}
    reviewed = [_reviewed(comment, wanted[comment.key], added.get(comment.row.number)) for comment in seen]
    if fresh:
        await _move(session, {comment.key: (comment, added[comment.row.number]) for comment in fresh})
        await _count(session, Counter(_work(session, actor, comment, wanted[comment.key]) for comment in fresh))
        await clear_leases(session, [comment.row.number for comment in fresh])
        await _record_added(session, actor, [one for one in reviewed if (one.platform, one.id) not in repeated])
    found = {comment.key for comment in locked}
    return ReviewsOutcome(reviewed, sorted(edited), [key for key in wanted if key not in found])


async def _lock(session: WriteSession, keys: Sequence[Key]) -> list[_Locked]:
    known = await read_models(session.connection)
    found = await lock_current(session, keys)
    locked = []
    for key, (row, predicted) in found.items():
        model = shown_model(known, predicted)
        locked.append(_Locked(key, row, predicted, model, model is not None and known[model].active))
    return locked


def _seen(opinion: Opinion, row: LockedRow) -> bool:
    """Whether the text that stands is the one that the reviewer saw."""
    if opinion.text_digest is not None:
        return opinion.text_digest == text_digest(row.content.text)
    return opinion.version == row.content.version


async def _own_standing(session: WriteSession, actor: Actor, seen: Sequence[_Locked]) -> dict[int, str]:
    """The labels that this reviewer's own reviews give already: comment -> label."""
    standing = {comment.row.review.number: comment for comment in seen if comment.row.review is not None}
    if not standing:
        return {}
    query = select(reviews.c.number, reviews.c.label).where(
        reviews.c.number.in_(standing), reviews.c.reviewer_number.is_not_distinct_from(actor.user_number)
    )
    return {standing[number].row.number: label for number, label in await session.connection.execute(query)}


async def _insert(
    session: WriteSession, actor: Actor, fresh: Sequence[_Locked], wanted: Mapping[Key, Opinion]
) -> dict[int, CurrentReview]:
    """Insert the reviews; comment -> the review that stands now."""
    rows = [
        _row(actor, comment, wanted[comment.key].label, wanted[comment.key].reason, comment.row.review)
        for comment in fresh
    ]
    await session.run(session.statements.add_reviews, rows)
    # The comments are locked: the newest review of each is the one that was just inserted.
    numbers = [comment.row.number for comment in fresh]
    newest = select(reviews.c.comment_number, func.max(reviews.c.number))
    query = newest.where(reviews.c.comment_number.in_(numbers)).group_by(reviews.c.comment_number)
    inserted = {row[0]: row[1] for row in await session.connection.execute(query)}
    return {
        comment.row.number: CurrentReview(inserted[comment.row.number], wanted[comment.key].label) for comment in fresh
    }


def _row(
    actor: Actor,
    comment: _Locked,
    label: str,
    reason: str | None,
    replaces: CurrentReview | None,
    withdraws: int | None = None,
) -> dict[str, object]:
    """A review's row, by column."""
    from_label, from_source = comment.shown(comment.row.review)
    prediction = comment.prediction
    return {
        "comment_number": comment.row.number,
        "comment_version": comment.row.content.version,
        "text": comment.row.content.text,
        "label": label,
        "reviewer": actor.name,
        "reviewer_number": actor.user_number,
        "reason": reason,
        "from_label": from_label,
        "from_source": from_source,
        "from_model_number": comment.model,
        "from_model_label": None if prediction is None else prediction.label,
        "from_probability": None if prediction is None else prediction.probability,
        "replaces": None if replaces is None else replaces.number,
        "withdraws": withdraws,
    }


async def _move(session: WriteSession, moves: Mapping[Key, tuple[_Locked, CurrentReview | None]]) -> None:
    """Let other reviews stand: on the comments, on their predictions, and in the sums of what is shown."""
    rows = [
        {
            "number": comment.row.number,
            "review_number": None if review is None else review.number,
            "review_label": None if review is None else review.label,
        }
        for comment, review in moves.values()
    ]
    await session.run(session.statements.set_review, rows)
    changes: Counter[Labelled] = Counter()
    for (platform, _), (comment, review) in moves.items():
        for standing, by in ((comment.row.review, -1), (review, 1)):
            created_at = comment.row.content.created_at
            label = None if standing is None else standing.label
            for kind in labelled_as(platform, created_at, comment.predictions, label):
                changes[kind] += by
    for reviewed in (True, False):
        numbers = [comment.row.number for comment, review in moves.values() if (review is not None) is reviewed]
        if numbers:
            mark = update(predictions).where(predictions.c.comment_number.in_(numbers))
            await session.connection.execute(mark.values(reviewed=reviewed))
    await move_label_counts(session, changes)


def _work(session: WriteSession, actor: Actor, comment: _Locked, opinion: Opinion) -> Work:
    """What this review is counted as in its reviewer's work."""
    said = None if comment.prediction is None else comment.prediction.label
    reviewer, model = actor.user_number or NOBODY, comment.model or NOBODY
    return stored_time(session.now), reviewer, model, comment.key[0], said or "", opinion.label


async def _count(session: WriteSession, work: Mapping[Work, int]) -> None:
    """Add to what reviewers did, in each bucket that it lies in."""
    changes: Counter[ReviewerCount] = Counter()
    for (at, reviewer, model, platform, said, label), n in work.items():
        for bucket in (HOUR, DAY, MONTH):
            for counted_as in (platform,) if bucket == HOUR else (platform, ALL_PLATFORMS):
                key = ReviewerCount(bucket, bucket_of(bucket, at), reviewer, model, counted_as, said, label)
                changes[key] += n
    statements = session.statements
    await move_counts(session, changes, statements.add_reviewer_counts, statements.delete_zero_reviewer_counts)


def _reviewed(comment: _Locked, opinion: Opinion, review: CurrentReview | None) -> Reviewed:
    """What is answered for one comment; without ``review`` the same decision stood already."""
    before = comment.row.review
    from_label, from_source = comment.shown(before)
    standing = review or before
    assert standing is not None  # noqa: S101 (a repeated decision has one)
    second = review is not None and before is not None
    return Reviewed(*comment.key, standing.number, opinion.label, from_label, from_source, second)


async def _record_added(session: WriteSession, actor: Actor, added: Sequence[Reviewed]) -> None:
    """One record of a single review, one of many together: each of them stands in its comment's history."""
    if len(added) == 1:
        one = added[0]
        detail: dict[str, JSON] = {
            "label": one.label,
            "from_label": one.from_label,
            "from_source": one.from_source,
            "second_opinion": one.second_opinion,
        }
        await record(session, actor, "review.add", "comment", f"{one.platform}:{one.id}", detail)
        return
    labels: dict[str, JSON] = dict(Counter(str(one.label) for one in added))
    numbers: list[JSON] = [one.number for one in added]
    await record(session, actor, "review.add_many", "comments", "", {"labels": labels, "reviews": numbers})


async def _undo(
    session: WriteSession, actor: Actor, key: Key, claim_until: datetime | None, number: int | None
) -> Undone:
    locked = await _lock(session, [key])
    if not locked:
        raise NoCommentError(
            f"There is no comment {key[1]!r} of platform {key[0]}: it was never stored, or it was erased."
        )
    comment = locked[0]
    standing = comment.row.review
    columns = reviews.c
    query = select(columns.number, columns.label, columns.reviewer_number, columns.replaces, columns.withdraws).where(
        columns.comment_number == comment.row.number
    )
    decisions = [Decision(*row) for row in await session.connection.execute(query)]
    undone = undo(decisions, None if standing is None else standing.number, actor.user_number)
    if undone is None or number not in (None, undone[0].number):
        raise NothingToUndoError("No review of yours belongs to the text that stands: there is nothing to undo.")
    taken, left = undone
    after = None if left is None else CurrentReview(left.number, left.label)
    await session.run(session.statements.add_reviews, [_row(actor, comment, taken.label, None, None, taken.number)])
    await _move(session, {key: (comment, after)})
    await _uncount(session, comment, taken)
    if after is None and claim_until is not None and actor.user_number is not None:
        await hold(session, [comment.row.number], actor.user_number, claim_until)
    label, source = comment.shown(after)
    detail: dict[str, JSON] = {"taken_back": taken.label, "label": label, "label_source": source}
    await record(session, actor, "review.undo", "comment", f"{key[0]}:{key[1]}", detail)
    return Undone(*key, ShownLabel(taken.label), label, source)


async def _uncount(session: WriteSession, comment: _Locked, taken: Decision) -> None:
    """Take a review out of the reviewer's work, from the hour in which it was counted."""
    columns = reviews.c
    query = select(columns.reviewed_at, columns.from_model_number, columns.from_model_label)
    reviewed_at, model, said = (await session.connection.execute(query.where(columns.number == taken.number))).one()
    reviewer = taken.reviewer_number or NOBODY
    counted = (reviewed_at, reviewer, model or NOBODY, comment.key[0], said or "", taken.label)
    await _count(session, {counted: -1})
