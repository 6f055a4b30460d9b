"""Define which comments each queue offers, and the index that yields them in order."""

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
    """The queues and their orders.

    UNCERTAIN: the comments of which the model is least certain first. AUDIT: the audit sample in random order.
    SECOND_OPINION: comments that others have reviewed and the reviewer has not, newest review first. DISPUTED: comments
    on which other reviewers disagree, oldest dispute first.
    """

    UNCERTAIN = "uncertain"
    AUDIT = "audit"
    SECOND_OPINION = "second_opinion"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Route:
    """The index to walk along, the query of COMMENTS rows along it, and the column with the comment's number.

    ``text_is_free`` is the condition that the comment's text has no recent decision. It is slow, so it must come after
    all others.
    """

    path: Path
    query: Select[Any]
    number: Column[int]
    text_is_free: ColumnElement[bool] = field(default_factory=true)


def route_of(
    order: QueueOrder, reviewer: int | None, wanted: CommentFilter, known: Models, now: datetime
) -> Route | None:
    """Return the route through the comments that wait in a queue, or None if the filter excludes all of them.

    The order UNCERTAIN leaves out texts that were decided shortly before ``now``.
    """
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
    # MySQL does not use the index for `IS false`.
    waiting = (predictions.c.model_number == model.number, predictions.c.reviewed == false())
    columns = (predictions.c.distance, predictions.c.folded_digest, predictions.c.comment_number)
    path = Path("predictions_to_review", waiting, columns)
    query = COMMENTS.add_columns(*columns).join_from(
        predictions, comments, comments.c.number == predictions.c.comment_number
    )
    # The model's own row is joined already, so the filter on its output needs no subquery.
    said = _said(wanted)
    rest = replace(wanted, model=None, label=None, uncertain=None, probability_from=None, probability_to=None)
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(not_waiting_for_audit())
    query = query.where(*said, *conditions(rest, known))
    return Route(path, query, predictions.c.comment_number, text_is_undecided(predictions.c.folded_digest, now))


def _audit_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> Route:
    """Return the route through the audit sample in random order.

    It leads to comments without a blind decision that the reviewer can still decide blindly.
    Filters on a model's output are ignored, because they would reveal its label.
    """
    sampled = (comments.c.blind_label.is_(None), comments.c.audit_rank.is_not(None))
    path = Path("comments_to_audit", sampled, (comments.c.audit_rank, comments.c.number))
    rest = replace(wanted, label=None, uncertain=None, probability_from=None, probability_to=None)
    own = [] if reviewer is None else [not_decided_by(reviewer)]
    return Route(path, COMMENTS.where(*own, *conditions(rest, known)), comments.c.number)


def _second_opinion_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> Route:
    """Return the route through others' current reviews of texts on which this reviewer has no opinion, newest first.

    A decision for a text appears only with its first review. Disputed comments have their own queue.
    """
    of = reviews.c
    path = Path("PRIMARY", (), (of.number,), descending=True)
    stands = (comments.c.number == of.comment_number) & (comments.c.review_number == of.number)
    query = COMMENTS.add_columns(of.number).join_from(reviews, comments, stands)
    others = (of.reviewer_number.is_distinct_from(reviewer), ~_has_opinion(reviewer), ~disputed(), ~is_copied())
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(*others, not_waiting_for_audit())
    return Route(path, query.where(*conditions(wanted, known)), of.comment_number)


def _disputed_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> Route:
    """Return the route through the disputes on which the reviewer has no opinion, oldest first."""
    of = disputes.c
    path = Path("disputes_by_review", (), (of.review_number, of.comment_number))
    valid = (comments.c.number == of.comment_number) & (comments.c.review_number == of.review_number)
    query = COMMENTS.add_columns(of.review_number, of.comment_number).join_from(disputes, comments, valid)
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(not_waiting_for_audit())
    query = query.where(~_has_opinion(reviewer), *conditions(wanted, known))
    return Route(path, query, of.comment_number)


def _has_opinion(reviewer: int | None) -> ColumnElement[bool]:
    """Return the condition that this reviewer has a review of the comment's current text that was not withdrawn."""
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
    """Return the condition that a comment of this queue must still meet when it is leased."""
    if order is QueueOrder.AUDIT:
        return waits_for_audit()
    label = comments.c.review_label
    if order is QueueOrder.DISPUTED:
        return and_(disputed(), not_waiting_for_audit())
    again = order is QueueOrder.SECOND_OPINION
    return and_(label.is_not(None) if again else label.is_(None), not_waiting_for_audit())


def _said(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    """Return the filter's conditions on the prediction of a comment without a review."""
    of = predictions.c
    return [
        *([] if wanted.label is None else [of.label == wanted.label]),
        *([] if wanted.uncertain is None else [of.uncertain.is_(wanted.uncertain)]),
        *([] if wanted.probability_from is None else [of.probability >= wanted.probability_from]),
        *([] if wanted.probability_to is None else [of.probability <= wanted.probability_to]),
    ]
