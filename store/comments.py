"""Comments with the label that everything shows, the newest review's, else a model's; and what became of one comment.

Lists are in search.py.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import Content, ModelRow
from store.dead_letters import comment_key, key_digest
from store.models import read_models
from store.rows import built, columns_of
from store.tables import comment_versions, comments, dead_letters, disputes, predictions, review_claims, reviews

# How many earlier versions, reviews and dead letters of one key are read, the newest: a runaway producer makes
# thousands.
HISTORY_ROWS = 200


class LabelSource(StrEnum):
    """Where the label that is shown comes from."""

    REVIEW = "review"
    ACTIVE_MODEL = "active_model"
    OTHER_MODEL = "other_model"


class ShownLabel(StrEnum):
    """What a model or a reviewer says of a comment."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCLEAR = "unclear"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Keyset:
    """The last comment of a page: the next page begins behind it. ``number`` is the comment's row."""

    created_at: datetime
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledComment(Content):
    """A comment with the label that is shown. ``probability`` is that of positive, by the model ``model`` (SHA-256);
    all of these are None where no model has seen the text, ``label`` too when nobody has reviewed it. ``disputed`` says
    that reviewers differ on the text and nobody has resolved it; the label is then that of the last opinion.
    """

    platform: str
    id: str
    stored_at: datetime
    label: ShownLabel | None
    probability: float | None
    uncertain: bool | None
    label_source: LabelSource | None
    model: str | None
    disputed: bool

    @property
    def text_digest(self) -> str:
        """By this a review can say which text it saw."""
        return text_digest(self.text)


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """What one model thinks of the text that stands. ``probability`` is that of positive."""

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
    """What a person decided of a text that the comment has or had. ``from_...`` say what was shown before, the model by
    its SHA-256.

    ``stands`` says that its label is the one that is shown, ``withdrawn`` that it was taken back, ``too_fast`` that it
    was made faster than the text can be read; a row with ``withdraws`` is no review itself but takes the one of that
    number back.
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
    stands: bool
    withdrawn: bool
    withdraws: int | None
    too_fast: bool


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A record of this key that could not become a comment. ``record_timestamp`` is in milliseconds since 1970."""

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
    """What became of the events of one key. ``comment`` is None where only dead letters are known. ``blind`` says that
    the reader decides the comment in the random audit: what models and people say of it is left out."""

    comment: LabelledComment | None
    predictions: Sequence[StoredPrediction]
    earlier_versions: Sequence[EarlierVersion]
    reviews: Sequence[StoredReview]
    dead_letters: Sequence[StoredDeadLetter]
    blind: bool = False


async def comment_history(
    connection: AsyncConnection, platform: str, id: str, reader: int | None = None
) -> CommentHistory | None:
    """What is known of a comment; None when nothing is. ``reader`` is the reviewer who reads it.

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
    if reader is not None and await _holds_blindly(connection, number, reader):
        versions = await earlier_versions(connection, number, HISTORY_ROWS)
        return CommentHistory(without_verdict(comment), [], versions, [], letters, blind=True)
    return CommentHistory(
        comment=comment,
        predictions=(await _predictions(connection, [number], known)).get(number, []),
        earlier_versions=await earlier_versions(connection, number, HISTORY_ROWS),
        reviews=await _reviews(connection, number, rows[0].review_number, known),
        dead_letters=letters,
    )


async def _holds_blindly(connection: AsyncConnection, number: int, reader: int) -> bool:
    of = review_claims.c
    query = select(of.blind).where(of.comment_number == number, of.reviewer_number == reader)
    return bool((await connection.execute(query)).scalar())


def without_verdict(comment: LabelledComment) -> LabelledComment:
    """The comment without anything that a model or a person says of it."""
    return replace(comment, label=None, probability=None, uncertain=None, label_source=None, model=None, disputed=False)


COMMENTS: Select[Any] = select(
    *columns_of(comments, LabelledComment),
    *(comments.c.number, comments.c.review_number, comments.c.review_label, comments.c.audit_rank),
    comments.c.blind_label,
)

Models = Mapping[int, ModelRow]


async def with_labels(connection: AsyncConnection, rows: Sequence[Row[Any]], known: Models) -> list[LabelledComment]:
    """Rows of COMMENTS with the labels that are shown for them."""
    predicted = await _predictions(connection, [row.number for row in rows], known)
    disputed = await _disputed(connection, [row.number for row in rows if row.review_number is not None])
    return [_labelled(row, predicted.get(row.number, []), (row.number, row.review_number) in disputed) for row in rows]


def shown_model(known: Models, predicted: Collection[int]) -> int | None:
    """Of the models that labelled a text, the one whose label is shown: the active one, else the newest other one."""
    active = next((number for number in predicted if number in known and known[number].active), None)
    return max((number for number in predicted if number in known), default=None) if active is None else active


def text_digest(text: str) -> str:
    """Tells texts apart: 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def _disputed(connection: AsyncConnection, numbers: Sequence[int]) -> set[tuple[int, int]]:
    """The disputes of these comments: (comment, the review up to which it is disputed)."""
    if not numbers:
        return set()
    of = disputes.c
    query = select(of.comment_number, of.review_number).where(of.comment_number.in_(numbers))
    return {(number, review) for number, review in await connection.execute(query)}


def _labelled(row: Row[Any], predicted: Sequence[StoredPrediction], disputed: bool) -> LabelledComment:
    """The label that is shown: the review's, else the active model's, else that of the newest other model."""
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
    """What each model thinks of these comments, by comment, the newest model first."""
    found: dict[int, list[StoredPrediction]] = {}
    query = (
        select(predictions)
        .where(predictions.c.comment_number.in_(numbers))
        .order_by(predictions.c.comment_number, predictions.c.model_number.desc())
    )
    for row in await connection.execute(query) if numbers else ():
        model = known.get(row.model_number)
        if model is None:  # It was registered since the models were read.
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
    """The texts that edits of the comment ``number`` replaced, newest first."""
    columns = comment_versions.c
    query = (
        select(*columns_of(comment_versions, EarlierVersion))
        .where(columns.comment_number == number)
        .order_by(columns.number.desc())
        .limit(limit)
    )
    return [built(EarlierVersion, row) for row in await connection.execute(query)]


async def _reviews(connection: AsyncConnection, number: int, standing: int | None, known: Models) -> list[StoredReview]:
    """The reviews of a comment, of all its texts, newest first."""
    newest = reviews.c.number.desc()
    query = select(reviews).where(reviews.c.comment_number == number).order_by(newest).limit(HISTORY_ROWS)
    rows = (await connection.execute(query)).all()
    withdrawn = {row.withdraws for row in rows}
    return [
        built(
            StoredReview,
            row,
            **review_fields(row),
            from_model=known[row.from_model_number].sha256 if row.from_model_number in known else None,
            stands=row.number == standing,
            withdrawn=row.number in withdrawn,
        )
        for row in rows
    ]


def review_fields(row: Row[Any]) -> dict[str, object]:
    """The fields of a review that are named otherwise than the columns of ``reviews``, or are of another type."""
    return {
        "version": row.comment_version,
        "label": ShownLabel(row.label),
        "from_label": None if row.from_label is None else ShownLabel(row.from_label),
        "from_source": None if row.from_source is None else LabelSource(row.from_source),
    }


async def _dead_letters(connection: AsyncConnection, platform: str, id: str) -> list[StoredDeadLetter]:
    columns = dead_letters.c
    digest = base64.b64encode(key_digest(comment_key(platform, id))).decode()
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
        .where(columns.key_digest == func.from_base64(digest))  # aiomysql cannot pass bytes since PyMySQL 1.2.
        .order_by(columns.number.desc())
        .limit(HISTORY_ROWS)
    )
    return [StoredDeadLetter(*row) for row in await connection.execute(query)]
