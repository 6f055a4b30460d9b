"""Reading comments with the label that everything shows: the newest review's, else a model's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.store.dead_letters import comment_key, key_digest
from liuyan.store.models import read_active
from liuyan.store.store import Store
from liuyan.store.tables import comment_versions, comments, dead_letters, models, predictions, reviews

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
        query = await _labelled(connection)
        query = query.where(*_conditions(wanted)).order_by(comments.c.created_at.desc(), comments.c.number.desc())
        if after is not None:
            # The first half alone lets the index begin at the right place.
            behind = or_(comments.c.created_at < after.created_at, comments.c.number < after.number)
            query = query.where(comments.c.created_at <= after.created_at, behind)
        rows = (await connection.execute(query.limit(limit + 1))).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_labelled_comment(row) for row in rows[:limit]],
        next=None if last is None else Keyset(last.created_at, last.number),
    )


async def comment_history(store: Store, platform: str, id: str) -> CommentHistory | None:
    """What is known of a comment; None when nothing is. Raises TransientStoreError."""
    async with store.reading() as connection:
        query = (await _labelled(connection)).where(comments.c.platform == platform, comments.c.id == id)
        row = (await connection.execute(query)).one_or_none()
        letters = await _dead_letters(connection, platform, id)
        if row is None:
            return CommentHistory(None, [], [], letters) if letters else None
        return CommentHistory(
            comment=_labelled_comment(row),
            predictions=await _predictions(connection, row.number),
            earlier_versions=await _earlier_versions(connection, row.number),
            dead_letters=letters,
        )


# The active model's prediction, and where it has none that of the newest other model.
_active = predictions.alias("active")
_other = predictions.alias("other")
_any = predictions.alias("any_model")
_LABEL: ColumnElement[str] = func.coalesce(reviews.c.label, _active.c.label, _other.c.label)
_UNCERTAIN: ColumnElement[bool] = func.coalesce(_active.c.uncertain, _other.c.uncertain)


async def _labelled(connection: AsyncConnection) -> Select[Any]:
    """All comments with the label that is shown of each."""
    model = await read_active(connection)
    newest = select(func.max(_any.c.model_number)).where(_any.c.comment_number == comments.c.number).scalar_subquery()
    with_active = and_(
        _active.c.comment_number == comments.c.number, _active.c.model_number == (model.number if model else None)
    )
    with_other = and_(
        _active.c.comment_number.is_(None),
        _other.c.comment_number == comments.c.number,
        _other.c.model_number == newest,
    )
    joined = (
        comments.outerjoin(_active, with_active)
        .outerjoin(_other, with_other)
        .outerjoin(reviews, reviews.c.number == comments.c.review_number)
        .outerjoin(models, models.c.number == func.coalesce(_active.c.model_number, _other.c.model_number))
    )
    return select(
        *(comments.c[name] for name in ("number", "platform", "id", "text", "version", "created_at", "edited_at")),
        *(comments.c[name] for name in ("author", "thread", "stored_at")),
        _LABEL.label("label"),
        reviews.c.label.label("reviewed"),
        _active.c.model_number.label("active"),
        func.coalesce(_active.c.probability, _other.c.probability).label("probability"),
        _UNCERTAIN.label("uncertain"),
        models.c.sha256.label("model"),
    ).select_from(joined)


def _conditions(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.platform is not None:
        conditions.append(comments.c.platform == wanted.platform)
    if wanted.label is not None:
        conditions.append(wanted.label == _LABEL)
    if wanted.created_from is not None:
        conditions.append(comments.c.created_at >= wanted.created_from)
    if wanted.created_to is not None:
        conditions.append(comments.c.created_at < wanted.created_to)
    if wanted.uncertain is not None:
        conditions.append(wanted.uncertain == _UNCERTAIN)
    return conditions


def _labelled_comment(row: Row[Any]) -> LabelledComment:
    source = None
    if row.reviewed is not None:
        source = LabelSource.REVIEW
    elif row.label is not None:
        source = LabelSource.OTHER_MODEL if row.active is None else LabelSource.ACTIVE_MODEL
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
        label=None if row.label is None else ShownLabel(row.label),
        probability=row.probability,
        uncertain=None if row.uncertain is None else bool(row.uncertain),
        label_source=source,
        model=row.model,
    )


async def _predictions(connection: AsyncConnection, number: int) -> list[StoredPrediction]:
    query = (
        select(models.c.sha256, models.c.name, models.c.active, *predictions.c)
        .join_from(predictions, models, models.c.number == predictions.c.model_number)
        .where(predictions.c.comment_number == number)
        .order_by(models.c.number.desc())
    )
    return [
        StoredPrediction(
            row.sha256,
            row.name,
            bool(row.active),
            ShownLabel(row.label),
            row.probability,
            row.uncertain,
            row.predicted_at,
        )
        for row in await connection.execute(query)
    ]


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
        .where(columns.key_digest == key_digest(comment_key(platform, id)))
        .order_by(columns.number.desc())
        .limit(HISTORY_ROWS)
    )
    return [StoredDeadLetter(*row) for row in await connection.execute(query)]
