"""Export reviews for training: each label with exactly the text that the reviewer saw."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import users
from store.comments import ShownLabel
from store.groups import DECIDED
from store.held_back import is_held_back
from store.opinions import Decision, Weighed, by_text, weigh
from store.review_tables import group_decisions
from store.rows import built
from store.store import Store
from store.tables import comments, reviews

# Number of reviewed comments per query: texts can be long.
COMMENTS_AT_ONCE = 300


@dataclass(frozen=True, slots=True)
class ReviewedText:
    """A text with its current review, or the review that was current when an edit replaced the text.

    ``model_label`` and ``probability`` are the prediction at the time of the review, None if there was none. ``audit``
    is whether the comment is in the audit sample, ``held_back`` whether it is in the part of the sample that is never
    used for training, ``disputed`` whether reviewers differ and nobody has resolved the dispute, ``by_user`` whether
    the reviewer had only the role user when labelling. ``occurrences`` is how many comments with the same text were
    decided together; one of them is exported.

    ``reviewer_number`` and ``role`` are None without an account. ``agreement`` is the share of the text's reviewers,
    0..1, whose latest label is this one.
    """

    platform: str
    id: str
    version: int
    text: str
    label: ShownLabel
    reviewer: str
    reviewed_at: datetime
    model_label: ShownLabel | None
    probability: float | None
    audit: bool
    disputed: bool
    occurrences: int
    held_back: bool
    by_user: bool
    reviewer_number: int | None
    role: str | None
    agreement: float


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """A filter for reviewed texts; None does not filter. ``reviewed_from`` is inclusive, ``reviewed_to`` exclusive.

    Disputed texts are left out unless ``disputed`` is set: a model should not learn labels that reviewers dispute.
    Reviews by accounts that had only the role user when labelling, on the detection page, count as if they did not
    exist unless ``user_labels`` is set: anybody who signs up could otherwise train the model. With ``newest_text``,
    only the newest reviewed text of each comment is exported.
    """

    platform: str | None = None
    labels: frozenset[ShownLabel] | None = None
    reviewed_from: datetime | None = None
    reviewed_to: datetime | None = None
    audit: bool | None = None
    disputed: bool = False
    user_labels: bool = False
    newest_text: bool = False


@dataclass(frozen=True, slots=True)
class _LastReview:
    """The last review of a text."""

    row: Row[Any]
    disputed: bool
    agreement: float


async def export_reviews(store: Store, wanted: ExportFilter) -> AsyncIterator[ReviewedText]:
    """Yield reviewed texts, comment by comment, each comment's oldest text first.

    Comments are read in steps, which needs little memory and keeps no transaction open. Of comments that were decided
    together, only the first that matches the filter is exported. Raises TransientStoreError.
    """
    behind = 0
    groups: set[int] = set()
    while True:
        async with store.reading() as connection:
            numbers = await _next_comments(connection, wanted, behind)
            rows = await _reviews_of(connection, numbers)
        for number in numbers:
            found = _last_of_each_text(rows[number], wanted)
            for last in found[-1:] if wanted.newest_text else found:
                row = last.row
                chosen = (wanted.disputed or not last.disputed) and _is_wanted(row, wanted)
                if chosen and row.group_number not in groups:
                    # A group of one comment cannot appear again.
                    groups |= {row.group_number} if _occurrences(row) > 1 else set()
                    yield _reviewed_text(last)
        if len(numbers) < COMMENTS_AT_ONCE:
            return
        behind = numbers[-1]


async def _next_comments(connection: AsyncConnection, wanted: ExportFilter, behind: int) -> Sequence[int]:
    """Return the numbers of the next comments with reviews."""
    of = reviews.c
    query = select(of.comment_number).where(of.comment_number > behind).distinct()
    if wanted.platform is not None:
        query = query.join(comments, comments.c.number == of.comment_number)
        query = query.where(comments.c.platform == wanted.platform)
    query = query.order_by(of.comment_number).limit(COMMENTS_AT_ONCE)
    return (await connection.execute(query)).scalars().all()


async def _reviews_of(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {number: [] for number in numbers}
    if not numbers:
        return found
    query = (
        select(
            reviews,
            *(comments.c.platform, comments.c.id, comments.c.audit_rank, is_held_back().label("held_back")),
            users.c.role,
            *(group_decisions.c.stored, group_decisions.c.withdrawn.label("group_withdrawn")),
            (group_decisions.c.review_number != reviews.c.number).label("copied"),
            _first_has_another_label().label("first_differs"),
            group_decisions.c.state.not_in(DECIDED).label("revoked"),
        )
        .join_from(reviews, comments, comments.c.number == reviews.c.comment_number)
        .outerjoin(group_decisions, group_decisions.c.number == reviews.c.group_number)
        .outerjoin(users, users.c.number == reviews.c.reviewer_number)
        .where(reviews.c.comment_number.in_(numbers))
    )
    for row in await connection.execute(query):
        found[row.comment_number].append(row)
    return found


def _first_has_another_label() -> ColumnElement[bool]:
    """Return the condition that a group decision's first comment still has the text but now has another label."""
    first, comment = reviews.alias("first").c, comments.alias("first_comment").c
    of = group_decisions.c
    return exists().where(
        first.number == of.review_number,
        comment.number == first.comment_number,
        comment.folded_digest == of.folded_digest,
        comment.review_label != of.label,
    )


def _last_of_each_text(rows: Sequence[Row[Any]], wanted: ExportFilter) -> list[_LastReview]:
    """Return the last review of each text, oldest text first.

    A copied review is also disputed if the original's comment has since received another label. Revoked reviews and
    unwanted reviews by users are left out, also those of replaced texts.
    """
    by_number = {row.number: row for row in rows}
    decisions = [
        Decision(
            *(row.number, row.label, row.reviewer_number, row.replaces, row.withdraws),
            copied=bool(row.copied),
            revoked=bool(row.revoked) or (bool(row.by_user) and not wanted.user_labels),
        )
        for row in rows
    ]
    found = []
    for of_text in by_text(decisions):
        reviewed = [review for review in of_text if not review.revoked]
        if not reviewed:
            continue
        last = by_number[reviewed[-1].number]
        weighed = weigh(reviewed)
        disputed = weighed.disputed or bool(last.copied and last.first_differs)
        found.append(_LastReview(last, disputed, _agreement(weighed, last.label)))
    return found


def _agreement(weighed: Weighed, label: str) -> float:
    """Return the share of reviewers whose latest label is this one; 1 if the text has copied reviews only."""
    current = {who: opinion.label for who, opinion in weighed.opinions.items()}
    given = list({**weighed.independent, **current}.values())
    return given.count(label) / len(given) if given else 1.0


def _is_wanted(row: Row[Any], wanted: ExportFilter) -> bool:
    return (
        (wanted.labels is None or row.label in wanted.labels)
        and (wanted.reviewed_from is None or row.reviewed_at >= wanted.reviewed_from)
        and (wanted.reviewed_to is None or row.reviewed_at < wanted.reviewed_to)
        and (wanted.audit is None or (row.audit_rank is not None) is wanted.audit)
    )


def _occurrences(row: Row[Any]) -> int:
    return 1 if row.stored is None else max(1, row.stored - row.group_withdrawn)


def _reviewed_text(last: _LastReview) -> ReviewedText:
    row = last.row
    return built(
        ReviewedText,
        row,
        version=row.comment_version,
        label=ShownLabel(row.label),
        model_label=None if row.from_model_label is None else ShownLabel(row.from_model_label),
        probability=row.from_probability,
        audit=row.audit_rank is not None,
        disputed=last.disputed,
        occurrences=_occurrences(row),
        by_user=bool(row.by_user),
        held_back=bool(row.held_back),
        agreement=last.agreement,
    )
