"""Reading comments with the label that everything shows: the newest review's, else a model's."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.store.batch import ModelRow
from liuyan.store.dead_letters import comment_key, key_digest
from liuyan.store.models import read_models
from liuyan.store.store import Store
from liuyan.store.tables import comment_versions, comments, dead_letters, predictions, reviews

# How many earlier versions and dead letters of one key are read, the newest: a runaway producer makes thousands.
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
class CommentFilter:
    """Which comments to list; None does not filter. ``created_from`` is included, ``created_to`` is not."""

    platform: str | None = None
    label: ShownLabel | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    uncertain: bool | None = None


@dataclass(frozen=True, slots=True)
class Keyset:
    """The last comment of a page: the next page begins behind it. ``number`` is the comment's row."""

    created_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class LabelledComment:
    """A comment with the label that is shown. ``probability`` is that of positive, by the model ``model`` (SHA-256);
    all of these are None where no model has seen the text, ``label`` too when nobody has reviewed it.
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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of comments, newest first; ``next`` is None on the last page."""

    items: Sequence[LabelledComment]
    next: Keyset | None


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
    """What became of the events of one key. ``comment`` is None where only dead letters are known."""

    comment: LabelledComment | None
    predictions: Sequence[StoredPrediction]
    earlier_versions: Sequence[EarlierVersion]
    dead_letters: Sequence[StoredDeadLetter]


async def list_comments(store: Store, wanted: CommentFilter, after: Keyset | None, limit: int) -> Page:
    """A page of at most ``limit`` comments, newest first, behind ``after``. Raises TransientStoreError."""
    async with store.reading() as connection:
        known = await read_models(connection)
        query = COMMENTS.where(*_conditions(wanted, known)).order_by(
            comments.c.created_at.desc(), comments.c.number.desc()
        )
        if after is not None:
            # The first condition alone lets the index begin at the right place.
            behind = or_(comments.c.created_at < after.created_at, comments.c.number < after.number)
            query = query.where(comments.c.created_at <= after.created_at, behind)
        rows = (await connection.execute(query.limit(limit + 1))).all()
        items = await _with_labels(connection, rows[:limit], known)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items, None if last is None else Keyset(last.created_at, last.number))


async def comment_history(store: Store, platform: str, id: str) -> CommentHistory | None:
    """What is known of a comment; None when nothing is. Raises TransientStoreError."""
    async with store.reading() as connection:
        known = await read_models(connection)
        query = COMMENTS.where(comments.c.platform == platform, comments.c.id == id)
        rows = (await connection.execute(query)).all()
        letters = await _dead_letters(connection, platform, id)
        if not rows:
            return CommentHistory(None, [], [], letters) if letters else None
        number = rows[0].number
        return CommentHistory(
            comment=(await _with_labels(connection, rows, known))[0],
            predictions=(await _predictions(connection, [number], known)).get(number, []),
            earlier_versions=await _earlier_versions(connection, number),
            dead_letters=letters,
        )


COMMENTS = select(
    *(comments.c[name] for name in ("number", "platform", "id", "text", "version", "created_at", "edited_at")),
    *(comments.c[name] for name in ("author", "thread", "stored_at", "review_number")),
)

Models = Mapping[int, ModelRow]


def _conditions(wanted: CommentFilter, known: Models) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.platform is not None:
        conditions.append(comments.c.platform == wanted.platform)
    if wanted.created_from is not None:
        conditions.append(comments.c.created_at >= wanted.created_from)
    if wanted.created_to is not None:
        conditions.append(comments.c.created_at < wanted.created_to)
    if wanted.label is not None:
        reviewed = select(reviews.c.label).where(reviews.c.number == comments.c.review_number).scalar_subquery()
        label = func.coalesce(reviewed, *_predicted(predictions.c.label, known))
        conditions.append(label.is_not_distinct_from(wanted.label))
    if wanted.uncertain is not None:
        uncertain = func.coalesce(*_predicted(predictions.c.uncertain, known))
        conditions.append(uncertain.is_not_distinct_from(wanted.uncertain))
    return conditions


def _predicted(column: Column[Any], known: Models) -> list[ColumnElement[Any]]:
    """The active model's value and the newest other model's, to take the first that there is. Not joins: the rows must
    be read in the order of the index, and no further than the page is long."""
    of_comment = select(column).where(predictions.c.comment_number == comments.c.number)
    active = [model.number for model in known.values() if model.active]
    newest = of_comment.order_by(predictions.c.model_number.desc()).limit(1)
    chosen = [of_comment.where(predictions.c.model_number == number) for number in active]
    return [*(query.scalar_subquery() for query in (*chosen, newest)), null()]


async def _with_labels(connection: AsyncConnection, rows: Sequence[Row[Any]], known: Models) -> list[LabelledComment]:
    predicted = await _predictions(connection, [row.number for row in rows], known)
    reviewed = await _reviewed(connection, [row.review_number for row in rows if row.review_number is not None])
    return [_labelled(row, predicted.get(row.number, []), reviewed.get(row.review_number)) for row in rows]


def _labelled(row: Row[Any], predicted: Sequence[StoredPrediction], review: ShownLabel | None) -> LabelledComment:
    """The label that is shown: the review's, else the active model's, else that of the newest other model."""
    shown = next((prediction for prediction in predicted if prediction.active), predicted[0] if predicted else None)
    label = source = None
    if review is not None:
        label, source = review, LabelSource.REVIEW
    elif shown is not None:
        label, source = shown.label, LabelSource.ACTIVE_MODEL if shown.active else LabelSource.OTHER_MODEL
    return LabelledComment(
        platform=row.platform,
        id=row.id,
        text=row.text,
        version=row.version,
        created_at=row.created_at,
        edited_at=row.edited_at,
        author=row.author,
        thread=row.thread,
        stored_at=row.stored_at,
        label=label,
        probability=None if shown is None else shown.probability,
        uncertain=None if shown is None else shown.uncertain,
        label_source=source,
        model=None if shown is None else shown.model,
    )


async def _reviewed(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, ShownLabel]:
    """The labels of these reviews."""
    if not numbers:
        return {}
    query = select(reviews.c.number, reviews.c.label).where(reviews.c.number.in_(numbers))
    return {number: ShownLabel(label) for number, label in await connection.execute(query)}


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
            StoredPrediction(
                model=model.sha256,
                model_name=model.name,
                active=model.active,
                label=ShownLabel(row.label),
                probability=row.probability,
                uncertain=row.uncertain,
                predicted_at=row.predicted_at,
            )
        )
    return found


async def _earlier_versions(connection: AsyncConnection, number: int) -> list[EarlierVersion]:
    columns = comment_versions.c
    query = (
        select(columns.version, columns.text, columns.created_at, columns.edited_at, columns.replaced_at)
        .where(columns.comment_number == number)
        .order_by(columns.number.desc())
        .limit(HISTORY_ROWS)
    )
    return [EarlierVersion(*row) for row in await connection.execute(query)]


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
