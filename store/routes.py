"""Which comments each queue offers, and the index that leads to them in their order."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, exists, false, true

from store.blind import not_decided_by, not_waiting_for_audit, waits_for_audit
from store.comments import COMMENTS, Models
from store.disputes import disputed
from store.groups import is_copied, text_is_undecided
from store.index_walk import Path
from store.review_tables import disputes
from store.search import ONLY_REVIEWS, CommentFilter, conditions
from store.tables import comments, predictions, reviews


class QueueOrder(StrEnum):
    """Which comments come first: those of which the model is least certain, the audit sample in its random order, those
    that others have reviewed and the reviewer has not (the newest review first), or those on which two others differ
    (the oldest dispute first)."""

    UNCERTAIN = "uncertain"
    AUDIT = "audit"
    SECOND_OPINION = "second_opinion"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Route:
    """The index to go along, the rows of COMMENTS that it leads to, and the column that has the comment's number.

    ``last`` is a condition that takes so long that it is asked after all others.
    """

    path: Path
    query: Select[Any]
    number: Column[int]
    last: ColumnElement[bool] = field(default_factory=true)


def route_of(
    order: QueueOrder, reviewer: int | None, wanted: CommentFilter, known: Models, now: datetime
) -> Route | None:
    """How to go through the comments that wait; None where none can. Texts that were decided shortly before ``now`` do
    not wait in the order UNCERTAIN."""
    if order is QueueOrder.AUDIT:
        return _audit_route(reviewer, wanted, known)
    if order in (QueueOrder.SECOND_OPINION, QueueOrder.DISPUTED):
        unknown = wanted.model is not None and all(model.sha256 != wanted.model for model in known.values())
        if unknown or wanted.reviewed is False:
            return None
        route = _second_opinion_route if order is QueueOrder.SECOND_OPINION else _disputed_route
        return route(reviewer, wanted, known)
    if wanted.reviewed or wanted.label in ONLY_REVIEWS:
        return None
    models = [
        model for model in known.values() if (model.active if wanted.model is None else model.sha256 == wanted.model)
    ]
    if not models:
        return None
    model = models[0]
    # Not `IS false`: for that MySQL does not use the index.
    waiting = (predictions.c.model_number == model.number, predictions.c.reviewed == false())
    path = Path("predictions_to_review", waiting, predictions.c.distance, predictions.c.comment_number)
    query = COMMENTS.add_columns(predictions.c.distance, predictions.c.comment_number).join_from(
        predictions, comments, comments.c.number == predictions.c.comment_number
    )
    # The model's own row is at hand: what it says need not be looked up.
    said = _said(wanted)
    rest = replace(wanted, model=None, label=None, uncertain=None, probability_from=None, probability_to=None)
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(not_waiting_for_audit())
    query = query.where(*said, *conditions(rest, known))
    return Route(path, query, predictions.c.comment_number, text_is_undecided(predictions.c.folded_digest, now))


def _audit_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> Route:
    """Along the audit sample in its random order: what has no blind decision, and nothing by this reviewer.

    What a model says must not choose the comments: their label could be told from the filter.
    """
    sampled = (comments.c.blind_label.is_(None), comments.c.audit_rank.is_not(None))
    path = Path("comments_to_audit", sampled, comments.c.audit_rank, comments.c.number)
    rest = replace(wanted, label=None, uncertain=None, probability_from=None, probability_to=None)
    own = [] if reviewer is None else [not_decided_by(reviewer)]
    return Route(path, COMMENTS.where(*own, *conditions(rest, known)), comments.c.number)


def _second_opinion_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> Route:
    """Along the reviews, the newest first: those that stand, are another one's, and of a text of which the reviewer
    has said nothing that was not taken back. Of a decision for a text only its first review. Disputed comments have a
    queue of their own."""
    of = reviews.c
    # The row's own number is the index: both parts of a place are the same.
    path = Path("PRIMARY", (), of.number, of.number, descending=True)
    stands = (comments.c.number == of.comment_number) & (comments.c.review_number == of.number)
    query = COMMENTS.add_columns(of.number).join_from(reviews, comments, stands)
    others = (of.reviewer_number.is_distinct_from(reviewer), ~_has_opinion(reviewer), ~disputed(), ~is_copied())
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(*others, not_waiting_for_audit())
    return Route(path, query.where(*conditions(wanted, known)), of.comment_number)


def _disputed_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> Route:
    """Along the disputes, the oldest first: those on which the reviewer has no opinion."""
    of = disputes.c
    path = Path("disputes_by_review", (), of.review_number, of.comment_number)
    valid = (comments.c.number == of.comment_number) & (comments.c.review_number == of.review_number)
    query = COMMENTS.add_columns(of.review_number, of.comment_number).join_from(disputes, comments, valid)
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(not_waiting_for_audit())
    query = query.where(~_has_opinion(reviewer), *conditions(wanted, known))
    return Route(path, query, of.comment_number)


def _has_opinion(reviewer: int | None) -> ColumnElement[bool]:
    """That a review of the comment's current text by this reviewer was not taken back."""
    own, withdrawal = reviews.alias("own").c, reviews.alias("withdrawal").c
    taken_back = exists().where(withdrawal.comment_number == own.comment_number, withdrawal.withdraws == own.number)
    return exists().where(
        own.comment_number == comments.c.number,
        own.reviewer_number == reviewer,
        own.withdraws.is_(None),
        own.text == comments.c.text,
        ~taken_back,
    )


def waiting_in(order: QueueOrder) -> ColumnElement[bool]:
    """What still holds of a comment that a queue offers, when it is claimed."""
    if order is QueueOrder.AUDIT:
        return waits_for_audit()
    label = comments.c.review_label
    again = order in (QueueOrder.SECOND_OPINION, QueueOrder.DISPUTED)
    return and_(label.is_not(None) if again else label.is_(None), not_waiting_for_audit())


def _said(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    """What the prediction of a comment without review must fulfil."""
    of = predictions.c
    return [
        *([] if wanted.label is None else [of.label == wanted.label]),
        *([] if wanted.uncertain is None else [of.uncertain.is_(wanted.uncertain)]),
        *([] if wanted.probability_from is None else [of.probability >= wanted.probability_from]),
        *([] if wanted.probability_to is None else [of.probability <= wanted.probability_to]),
    ]
