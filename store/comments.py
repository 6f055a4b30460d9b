"""Comments with their shown label (the newest review's, else a model's), and the history of one comment.

Lists are in search.py.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import ModelRow
from store.blind import held_blindly
from store.dead_letters import comment_key, key_digest
from store.models import read_models
from store.review_tables import disputes
from store.rows import built, columns_of
from store.tables import comment_versions, comments, dead_letters, predictions, reviews
from store.types import as_binary

# Maximum number of a key's versions, reviews and dead letters to read: a faulty producer can create thousands.
HISTORY_ROWS = 200


class LabelSource(StrEnum):
    """The source of a shown label."""

    REVIEW = "review"
    ACTIVE_MODEL = "active_model"
    OTHER_MODEL = "other_model"


class ShownLabel(StrEnum):
    """The label of a model or a reviewer."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCLEAR = "unclear"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Keyset:
    """The last comment of a page, after which the next page begins. ``number`` is its row number."""

    created_at: datetime
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledComment:
    """A comment with its shown label. ``probability`` is that of positive, according to ``model`` (SHA-256).

    Both are None if no model has labelled the text; ``label`` is then None unless the text is reviewed. ``disputed`` is
    true while reviewers disagree about the text; the label is then that of the last review.
    """

    platform: str
    id: str
    text: str
    version: int
    created_at: datetime
    edited_at: datetime | None
    author: str | None
    thread: str | None
    stored_at: datetime
    label: ShownLabel | None
    probability: float | None
    uncertain: bool | None
    label_source: LabelSource | None
    model: str | None
    disputed: bool

    @property
    def text_digest(self) -> str:
        """The digest by which a review names the text it is about."""
        return text_digest(self.text)


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A model's prediction for the current text. ``probability`` is that of positive."""

    model: str
    model_name: str
    active: bool
    label: ShownLabel
    probability: float
    uncertain: bool
    predicted_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A text that an edit replaced."""

    version: int
    text: str
    created_at: datetime
    edited_at: datetime | None
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReview:
    """A review of the comment's current text or of an earlier one.

    The ``from_...`` fields describe what was shown before; ``from_model`` is a SHA-256, ``from_uncertain`` is true if
    ``from_label`` was the label of a model that was uncertain. ``stands`` marks the current
    review, ``withdrawn`` a review that was withdrawn, ``too_fast`` one that was made faster than the text can be read.
    A row with ``withdraws`` is not a review but withdraws the review of that number. ``group_number`` is the decision
    for all comments with the same text to which the review belongs.
    """

    number: int
    version: int
    text: str
    label: ShownLabel
    reviewer: str
    reason: str | None
    reviewed_at: datetime
    from_label: ShownLabel | None
    from_source: LabelSource | None
    from_model: str | None
    from_probability: float | None
    from_uncertain: bool
    stands: bool
    withdrawn: bool
    withdraws: int | None
    too_fast: bool
    group_number: int | None


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter with the comment's key. ``record_timestamp`` is in milliseconds since 1970."""

    number: int
    group: str
    topic: str
    partition: int
    offset: int
    record_timestamp: int
    reason: str
    detail: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class CommentHistory:
    """Everything stored for one key. ``comment`` is None if there are only dead letters. ``blind`` is true while the
    reader decides the comment in the random audit; labels and predictions are then left out."""

    comment: LabelledComment | None
    predictions: Sequence[StoredPrediction]
    earlier_versions: Sequence[EarlierVersion]
    reviews: Sequence[StoredReview]
    dead_letters: Sequence[StoredDeadLetter]
    blind: bool = False


async def comment_history(
    connection: AsyncConnection, platform: str, id: str, reader: int | None = None
) -> CommentHistory | None:
    """Return everything stored for a key, or None. ``reader`` is the number of the account that reads it.

    Raises TransientStoreError.
    """
    known = await read_models(connection)
    query = COMMENTS.where(comments.c.platform == platform, comments.c.id == id)
    rows = (await connection.execute(query)).all()
    letters = await _dead_letters(connection, platform, id)
    if not rows:
        return CommentHistory(None, [], [], [], letters) if letters else None
    number = rows[0].number
    [comment] = await with_labels(connection, rows, known)
    if reader is not None and number in await held_blindly(connection, reader):
        versions = await earlier_versions(connection, number, HISTORY_ROWS)
        return CommentHistory(without_verdict(comment), [], versions, [], letters, blind=True)
    return CommentHistory(
        comment=comment,
        predictions=(await _predictions(connection, [number], known)).get(number, []),
        earlier_versions=await earlier_versions(connection, number, HISTORY_ROWS),
        reviews=await _reviews(connection, number, rows[0].review_number, known),
        dead_letters=letters,
    )


def without_verdict(comment: LabelledComment) -> LabelledComment:
    """Return the comment without its label and everything else that a model or a reviewer decided."""
    return replace(comment, label=None, probability=None, uncertain=None, label_source=None, model=None, disputed=False)


COMMENTS: Select[Any] = select(
    *columns_of(comments, LabelledComment),
    *(comments.c[name] for name in ("number", "review_number", "review_label")),
    *(comments.c[name] for name in ("audit_rank", "blind_label", "folded_digest")),
)

Models = Mapping[int, ModelRow]


async def with_labels(connection: AsyncConnection, rows: Sequence[Row[Any]], known: Models) -> list[LabelledComment]:
    """Add the shown labels to rows of COMMENTS."""
    predicted = await _predictions(connection, [row.number for row in rows], known)
    disputed = await _disputed(connection, [row.number for row in rows if row.review_number is not None])
    return [_labelled(row, predicted.get(row.number, []), (row.number, row.review_number) in disputed) for row in rows]


def shown_model(known: Models, predicted: Collection[int]) -> int | None:
    """Return, of the models that labelled a text, the one whose label is shown: the active one, else the newest."""
    active = next((number for number in predicted if number in known and known[number].active), None)
    return max((number for number in predicted if number in known), default=None) if active is None else active


def text_digest(text: str) -> str:
    """Return a digest that identifies a text: 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def _disputed(connection: AsyncConnection, numbers: Sequence[int]) -> set[tuple[int, int]]:
    """Return the disputes of these comments: (comment number, number of the newest review in the dispute)."""
    if not numbers:
        return set()
    of = disputes.c
    query = select(of.comment_number, of.review_number).where(of.comment_number.in_(numbers))
    return {(number, review) for number, review in await connection.execute(query)}


def _labelled(row: Row[Any], predicted: Sequence[StoredPrediction], disputed: bool) -> LabelledComment:
    """Choose the shown label: the review's, else the active model's, else the newest other model's."""
    review = None if row.review_label is None else ShownLabel(row.review_label)
    shown = next((prediction for prediction in predicted if prediction.active), predicted[0] if predicted else None)
    label = source = None
    if review is not None:
        label, source = review, LabelSource.REVIEW
    elif shown is not None:
        label, source = shown.label, LabelSource.ACTIVE_MODEL if shown.active else LabelSource.OTHER_MODEL
    return built(
        LabelledComment,
        row,
        label=label,
        probability=None if shown is None else shown.probability,
        uncertain=None if shown is None else shown.uncertain,
        label_source=source,
        model=None if shown is None else shown.model,
        disputed=disputed,
    )


async def _predictions(
    connection: AsyncConnection, numbers: Sequence[int], known: Models
) -> dict[int, list[StoredPrediction]]:
    """Return the predictions of these comments, by comment, newest model first."""
    found: dict[int, list[StoredPrediction]] = {}
    query = (
        select(predictions)
        .where(predictions.c.comment_number.in_(numbers))
        .order_by(predictions.c.comment_number, predictions.c.model_number.desc())
    )
    for row in await connection.execute(query) if numbers else ():
        model = known.get(row.model_number)
        if model is None:  # Registered after the models were read.
            continue
        found.setdefault(row.comment_number, []).append(
            built(
                StoredPrediction,
                row,
                model=model.sha256,
                model_name=model.name,
                active=model.active,
                label=ShownLabel(row.label),
            )
        )
    return found


async def earlier_versions(connection: AsyncConnection, number: int, limit: int) -> list[EarlierVersion]:
    """Return the texts that edits of comment ``number`` replaced, newest first."""
    columns = comment_versions.c
    query = (
        select(*columns_of(comment_versions, EarlierVersion))
        .where(columns.comment_number == number)
        .order_by(columns.number.desc())
        .limit(limit)
    )
    return [built(EarlierVersion, row) for row in await connection.execute(query)]


async def _reviews(connection: AsyncConnection, number: int, current: int | None, known: Models) -> list[StoredReview]:
    """Return the reviews of all texts of a comment, newest first."""
    newest = reviews.c.number.desc()
    query = select(reviews).where(reviews.c.comment_number == number).order_by(newest).limit(HISTORY_ROWS)
    rows = (await connection.execute(query)).all()
    withdrawn = {row.withdraws for row in rows}
    return [
        built(
            StoredReview,
            row,
            **review_fields(row, known),
            from_model=known[row.from_model_number].sha256 if row.from_model_number in known else None,
            stands=row.number == current,
            withdrawn=row.number in withdrawn,
        )
        for row in rows
    ]


def review_fields(row: Row[Any], known: Models) -> dict[str, object]:
    """Return the fields of a review whose name or type differs from the column of ``reviews``."""
    source = None if row.from_source is None else LabelSource(row.from_source)
    return {
        "version": row.comment_version,
        "label": ShownLabel(row.label),
        "from_label": None if row.from_label is None else ShownLabel(row.from_label),
        "from_source": source,
        "from_uncertain": source is not LabelSource.REVIEW and _was_uncertain(row, known.get(row.from_model_number)),
    }


def _was_uncertain(row: Row[Any], model: ModelRow | None) -> bool:
    if model is None or row.from_probability is None:
        return False
    return model.uncertain_low <= float(row.from_probability) <= model.uncertain_high


async def _dead_letters(connection: AsyncConnection, platform: str, id: str) -> list[StoredDeadLetter]:
    columns = dead_letters.c
    digest = as_binary(key_digest(comment_key(platform, id)))
    query = (
        select(
            columns.number,
            columns.consumer_group,
            columns.topic,
            columns.partition,
            columns.offset,
            columns.record_timestamp,
            columns.reason,
            columns.detail,
            columns.stored_at,
        )
        .where(or_(columns.key_digest == digest, columns.comment_digest == digest))
        .order_by(columns.number.desc())
        .limit(HISTORY_ROWS)
    )
    return [StoredDeadLetter(*row) for row in await connection.execute(query)]
