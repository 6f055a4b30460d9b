"""Finding comments: newest first, by any filters together, in bounded time.

Each search goes along the index that fits its filters best, and looks at the rest of the filters row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, func, literal, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import COMMENTS, Keyset, LabelledComment, Models, ShownLabel, with_labels
from store.index_walk import Path, WalkResult, walk
from store.models import read_models
from store.tables import comments, predictions

# How long a search may look before it says how far it has come: texts are dear to look through.
TEXT_SECONDS, OTHER_SECONDS = 0.5, 0.1

# Labels that no model gives.
ONLY_REVIEWS = frozenset({ShownLabel.UNCLEAR, ShownLabel.SPAM})


@dataclass(frozen=True, slots=True)
class CommentFilter:
    """Which comments; None does not filter. ``created_from`` is included, ``created_to`` is not; probabilities from
    ``probability_from`` to ``probability_to`` are both included.

    ``text`` is a part of the text; Latin letters match in either case. ``model`` (SHA-256) leaves out what that model
    has not labelled, and ``label``, ``probability`` and ``uncertain`` are then its, but for reviewed comments' labels.
    """

    platform: str | None = None
    label: ShownLabel | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    uncertain: bool | None = None
    text: str | None = None
    probability_from: float | None = None
    probability_to: float | None = None
    model: str | None = None
    reviewed: bool | None = None
    author: str | None = None
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of comments, newest first; ``next`` is None on the last page. ``searched_to`` says of a page that is not
    full, because time was up, how far back it has looked: ``next`` goes on from there."""

    items: Sequence[LabelledComment]
    next: Keyset | None
    searched_to: datetime | None = None


async def list_comments(connection: AsyncConnection, wanted: CommentFilter, after: Keyset | None, limit: int) -> Page:
    """A page of at most ``limit`` comments, newest first, behind ``after``. Raises TransientStoreError."""
    known = await read_models(connection)
    if _impossible(wanted, known):
        return Page([], None)
    rows, stopped = await _search(connection, wanted, known, after, limit + 1)
    items = await with_labels(connection, rows[:limit], known)
    if len(rows) > limit:
        last = rows[limit - 1]
        return Page(items, Keyset(last.created_at, last.number))
    return Page(items, stopped, None if stopped is None else stopped.created_at)


async def _search(
    connection: AsyncConnection, wanted: CommentFilter, known: Models, after: Keyset | None, limit: int
) -> tuple[list[Row[Any]], Keyset | None]:
    """The rows in order, and where the search stopped when time was up. Several ways are merged: none may have stopped
    before the last row that is given."""
    paths = _paths(wanted)
    seconds = (OTHER_SECONDS if wanted.text is None else TEXT_SECONDS) / len(paths)
    place = None if after is None else (after.created_at, after.number)
    query = COMMENTS.where(*conditions(wanted, known))
    found = [await walk(connection, query, path, place, limit, seconds) for path in paths]
    rows = sorted((row for one in found for row in one.rows), key=_age, reverse=True)
    stops = [stop for one in found if (stop := _stop(one, limit)) is not None]
    stop = max(stops, default=None, key=lambda keyset: (keyset.created_at, keyset.number))
    if stop is not None:
        rows = [row for row in rows if (row.created_at, row.number) >= (stop.created_at, stop.number)]
    return rows[:limit], stop


def _stop(found: WalkResult, limit: int) -> Keyset | None:
    """Where a search stopped before it had enough; None when it has, or came to the end."""
    if found.place is None or len(found.rows) == limit:
        return None
    created_at, number = found.place
    assert isinstance(created_at, datetime)  # noqa: S101 (it goes along created_at)
    return Keyset(created_at, number)


def _age(row: Row[Any]) -> tuple[datetime, int]:
    # Not the timestamp: a float has no microseconds in the year 9999.
    return row.created_at, row.number


def _paths(wanted: CommentFilter) -> list[Path]:
    """The index to go along, the one that leaves least to look at; one for each label that only reviews give."""
    of = comments.c
    if wanted.thread is not None:
        return [_path(wanted, "comments_by_thread", of.thread == wanted.thread)]
    if wanted.author is not None:
        return [_path(wanted, "comments_by_author", of.author == wanted.author)]
    if wanted.reviewed is True or wanted.label in ONLY_REVIEWS:
        labels = list(ShownLabel) if wanted.label is None else [wanted.label]
        return [_path(wanted, "comments_by_review", of.review_label == label) for label in labels]
    if wanted.platform is not None:
        return [_path(wanted, "comments_by_platform_and_time", of.platform == wanted.platform)]
    return [_path(wanted, "comments_by_time")]


def _path(wanted: CommentFilter, name: str, *equal: ColumnElement[bool]) -> Path:
    within = (*equal, *_created_within(wanted))
    return Path(name, within, comments.c.created_at, comments.c.number, descending=True)


def _created_within(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    from_, to = wanted.created_from, wanted.created_to
    return [
        *([] if from_ is None else [comments.c.created_at >= from_]),
        *([] if to is None else [comments.c.created_at < to]),
    ]


def _impossible(wanted: CommentFilter, known: Models) -> bool:
    """Whether no comment can be found: by a model that is not known, or a reviewer's label without a review."""
    unknown = wanted.model is not None and all(model.sha256 != wanted.model for model in known.values())
    return unknown or (wanted.reviewed is False and wanted.label in ONLY_REVIEWS)


def conditions(wanted: CommentFilter, known: Models) -> list[ColumnElement[bool]]:
    """What a row of ``comments`` must fulfil."""
    of = comments.c
    models = [model.number for model in known.values() if model.sha256 == wanted.model]
    found: list[ColumnElement[bool]] = [
        column == value
        for column, value in ((of.platform, wanted.platform), (of.author, wanted.author), (of.thread, wanted.thread))
        if value is not None
    ]
    found += _created_within(wanted)
    if wanted.reviewed is not None:
        found.append(of.review_label.is_not(None) if wanted.reviewed else of.review_label.is_(None))
    if wanted.text is not None:
        # Position, not LIKE: nothing in it is a wildcard.
        found.append(func.instr(func.lower(of.text), func.lower(literal(wanted.text))) > 0)
    if wanted.label is not None:
        label = func.coalesce(of.review_label, *_predicted(predictions.c.label, known, models))
        found.append(label.is_not_distinct_from(wanted.label))
    if wanted.uncertain is not None:
        uncertain = func.coalesce(*_predicted(predictions.c.uncertain, known, models))
        found.append(uncertain.is_not_distinct_from(wanted.uncertain))
    if wanted.probability_from is not None or wanted.probability_to is not None or models:
        probability = func.coalesce(*_predicted(predictions.c.probability, known, models))
        low = 0.0 if wanted.probability_from is None else wanted.probability_from
        high = 1.0 if wanted.probability_to is None else wanted.probability_to
        found.append(probability.between(low, high))
    return found


def _predicted(column: Column[Any], known: Models, models: Sequence[int]) -> list[ColumnElement[Any]]:
    """The value of ``models``, else the active model's and the newest other model's, to take the first that there is.
    Not joins: the rows must be read in the order of the index, and no further than the page is long."""
    of_comment = select(column).where(predictions.c.comment_number == comments.c.number)
    if models:
        return [of_comment.where(predictions.c.model_number == models[0]).scalar_subquery(), null()]
    active = [model.number for model in known.values() if model.active]
    newest = of_comment.order_by(predictions.c.model_number.desc()).limit(1)
    chosen = [of_comment.where(predictions.c.model_number == number) for number in active]
    return [*(query.scalar_subquery() for query in (*chosen, newest)), null()]


async def sample_texts(connection: AsyncConnection, wanted: CommentFilter, limit: int) -> list[str]:
    """At most ``limit`` texts of the newest comments that ``wanted`` finds, for what needs the words themselves; fewer
    when time is up. Raises TransientStoreError."""
    known = await read_models(connection)
    if _impossible(wanted, known):
        return []
    rows, _ = await _search(connection, wanted, known, None, limit)
    return [row.text for row in rows]
