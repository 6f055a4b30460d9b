"""Write rows of ``reviews``, and update labels, predictions and label counts when a comment's current review changes.

Every function expects comments that the session has locked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select, update

from store.attention import Attention
from store.audit import Actor
from store.lock_keys import Key
from store.locked import Locked
from store.merge import CurrentReview, Labelled, labelled_as
from store.session import WriteSession
from store.tables import predictions, reviews
from store.write import move_label_counts

UNTIMED = Attention(shown_milliseconds=None, too_fast=False, blind=False)


def decision_row(
    actor: Actor,
    comment: Locked,
    label: str,
    reason: str | None,
    attention: Attention = UNTIMED,
    group: int | None = None,
) -> dict[str, object]:
    """Return the row of a review, by column.

    ``group`` is the number of the group decision that the review belongs to, if any.
    """
    before = comment.row.review
    return {
        **_row(actor, comment, label),
        "reason": reason,
        "replaces": None if before is None else before.number,
        "shown_milliseconds": attention.shown_milliseconds,
        "too_fast": attention.too_fast,
        "group_number": group,
    }


def withdrawal_row(actor: Actor, comment: Locked, label: str, number: int) -> dict[str, object]:
    """Return the row that withdraws the review ``number``, whose label was ``label``, by column."""
    return {**_row(actor, comment, label), "withdraws": number}


def _row(actor: Actor, comment: Locked, label: str) -> dict[str, object]:
    from_label, from_source = comment.shown(comment.row.review)
    prediction = comment.prediction
    return {
        "comment_number": comment.row.number,
        "comment_version": comment.row.content.version,
        "text": comment.row.content.text,
        "label": label,
        "reviewer": actor.name,
        "reviewer_number": actor.user_number,
        "reason": None,
        "from_label": from_label,
        "from_source": from_source,
        "from_model_number": comment.model,
        "from_model_label": None if prediction is None else prediction.label,
        "from_probability": None if prediction is None else prediction.probability,
        "replaces": None,
        "withdraws": None,
        "shown_milliseconds": None,
        "too_fast": False,
        "group_number": None,
        "by_user": actor.by_user,
    }


async def insert_reviews(
    session: WriteSession, comments: Sequence[Locked], rows: Sequence[Mapping[str, object]]
) -> dict[int, CurrentReview]:
    """Insert one decision per comment and make it current; return the current reviews by comment number."""
    await session.run(session.statements.add_reviews, rows)
    # The comments are locked, so the newest review of each is the one just inserted.
    numbers = [comment.row.number for comment in comments]
    newest = select(reviews.c.comment_number, func.max(reviews.c.number))
    query = newest.where(reviews.c.comment_number.in_(numbers)).group_by(reviews.c.comment_number)
    inserted = {row[0]: row[1] for row in await session.connection.execute(query)}
    labels = {row["comment_number"]: str(row["label"]) for row in rows}
    added = {number: CurrentReview(inserted[number], labels[number]) for number in numbers}
    await set_current(session, {comment.key: (comment, added[comment.row.number]) for comment in comments})
    return added


async def set_current(session: WriteSession, moves: Mapping[Key, tuple[Locked, CurrentReview | None]]) -> None:
    """Make other reviews current: update the comments, their predictions and the label counts."""
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
