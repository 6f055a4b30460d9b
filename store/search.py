"""Search comments by any combination of filters, newest first, in bounded time.

A search walks along the index that fits its filters best and checks the remaining filters row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, func, literal, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.blind import held_blindly
from store.comments import COMMENTS, Keyset, LabelledComment, Models, ShownLabel, with_labels, without_verdict
from store.index_walk import Path, WalkResult, walk
from store.models import read_models
from store.tables import comments, predictions

# Time limits after which a search returns what it has found so far; searching texts is expensive.
TEXT_SECONDS, OTHER_SECONDS = 0.5, 0.1

# Labels that only reviews have.
ONLY_REVIEWS = frozenset({ShownLabel.UNCLEAR, ShownLabel.SPAM})


@dataclass(frozen=True, slots=True)
class CommentFilter:
    """Which comments; None does not filter. ``created_to`` is exclusive, all other limits are inclusive.

    ``text`` matches a part of the text, Latin letters in either case. With ``model`` (SHA-256), only comments that it
    has labelled match, and ``label``, ``probability`` and ``uncertain`` refer to its predictions; a review's label
    still takes precedence.
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

    @property
    def by_verdict(self) -> bool:
        """Whether the filter depends on what a model or a reviewer says."""
        said = (self.label, self.uncertain, self.probability_from, self.probability_to)
        return any(value is not None for value in said)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of comments, newest first; ``next`` is None on the last page.

    If the time limit ended the search before the page was full, ``searched_to`` is how far back it has looked, and
    ``next`` continues from there.
    """

    items: Sequence[LabelledComment]
    next: Keyset | None
    searched_to: datetime | None = None


async def list_comments(
    connection: AsyncConnection, filters: CommentFilter, after: Keyset | None, limit: int, reader: int | None = None
) -> Page:
    """Return a page of at most ``limit`` comments after ``after``, newest first.

    ``reader`` is the number of the account that reads it: a comment that it holds in the random audit has no label, and
    matches no filter that would reveal one. Raises TransientStoreError.
    """
    known = await read_models(connection)
    if _impossible(filters, known):
        return Page([], None)
    held = await held_blindly(connection, reader)
    rows, stopped = await _search(connection, filters, known, after, limit + 1, held if filters.by_verdict else ())
    labelled = await with_labels(connection, rows[:limit], known)
    items = [
        without_verdict(one) if row.number in held else one for row, one in zip(rows[:limit], labelled, strict=True)
    ]
    if len(rows) > limit:
        last = rows[limit - 1]
        return Page(items, Keyset(last.created_at, last.number))
    return Page(items, stopped, None if stopped is None else stopped.created_at)


async def _search(
    connection: AsyncConnection,
    filters: CommentFilter,
    known: Models,
    after: Keyset | None,
    limit: int,
    hidden: Sequence[int] = (),
) -> tuple[list[Row[Any]], Keyset | None]:
    """Return the rows in order without the comments ``hidden``, and where the time limit stopped the search, if it did.

    The results of several walks are merged up to the point that all of them have reached.
    """
    paths = _paths(filters)
    seconds = (OTHER_SECONDS if filters.text is None else TEXT_SECONDS) / len(paths)
    place = None if after is None else (after.created_at, after.number)
    query = COMMENTS.where(*conditions(filters, known), *([comments.c.number.not_in(hidden)] if hidden else []))
    found = [await walk(connection, query, path, place, limit, seconds) for path in paths]
    rows = sorted((row for one in found for row in one.rows), key=_sort_key, reverse=True)
    stops = [stop for one in found if (stop := _stop(one, limit)) is not None]
    stop = max(stops, default=None, key=lambda keyset: (keyset.created_at, keyset.number))
    if stop is not None:
        rows = [row for row in rows if (row.created_at, row.number) >= (stop.created_at, stop.number)]
    return rows[:limit], stop


def _stop(found: WalkResult, limit: int) -> Keyset | None:
    """Return where the time limit stopped a walk; None if it found enough rows or reached the end."""
    if found.place is None or len(found.rows) == limit:
        return None
    return Keyset(*found.place)


def _sort_key(row: Row[Any]) -> tuple[datetime, int]:
    # Not timestamp(): a float loses microseconds in the year 9999.
    return row.created_at, row.number


def _paths(filters: CommentFilter) -> list[Path]:
    """Return the most selective index to walk along; for reviewed comments, one path per label."""
    of = comments.c
    if filters.thread is not None:
        return [_path(filters, "comments_by_thread", of.thread == filters.thread)]
    if filters.author is not None:
        return [_path(filters, "comments_by_author", of.author == filters.author)]
    if filters.reviewed is True or filters.label in ONLY_REVIEWS:
        labels = list(ShownLabel) if filters.label is None else [filters.label]
        return [_path(filters, "comments_by_review", of.review_label == label) for label in labels]
    if filters.platform is not None:
        return [_path(filters, "comments_by_platform_and_time", of.platform == filters.platform)]
    return [_path(filters, "comments_by_time")]


def _path(filters: CommentFilter, name: str, *equal: ColumnElement[bool]) -> Path:
    within = (*equal, *_created_within(filters))
    return Path(name, within, (comments.c.created_at, comments.c.number), descending=True)


def _created_within(filters: CommentFilter) -> list[ColumnElement[bool]]:
    from_, to = filters.created_from, filters.created_to
    return [
        *([] if from_ is None else [comments.c.created_at >= from_]),
        *([] if to is None else [comments.c.created_at < to]),
    ]


def _impossible(filters: CommentFilter, known: Models) -> bool:
    """Return whether nothing can match: an unknown model, or a label of reviews on unreviewed comments."""
    unknown = filters.model is not None and all(model.sha256 != filters.model for model in known.values())
    return unknown or (filters.reviewed is False and filters.label in ONLY_REVIEWS)


def conditions(filters: CommentFilter, known: Models) -> list[ColumnElement[bool]]:
    """Return the conditions for rows of ``comments``."""
    of = comments.c
    models = [model.number for model in known.values() if model.sha256 == filters.model]
    found: list[ColumnElement[bool]] = [
        column == value
        for column, value in ((of.platform, filters.platform), (of.author, filters.author), (of.thread, filters.thread))
        if value is not None
    ]
    found += _created_within(filters)
    if filters.reviewed is not None:
        found.append(of.review_label.is_not(None) if filters.reviewed else of.review_label.is_(None))
    if filters.text is not None:
        # INSTR, not LIKE, so that no character is a wildcard.
        found.append(func.instr(func.lower(of.text), func.lower(literal(filters.text))) > 0)
    if filters.label is not None:
        label = func.coalesce(of.review_label, *_predicted(predictions.c.label, known, models))
        found.append(label.is_not_distinct_from(filters.label))
    if filters.uncertain is not None:
        uncertain = func.coalesce(*_predicted(predictions.c.uncertain, known, models))
        found.append(uncertain.is_not_distinct_from(filters.uncertain))
    if filters.probability_from is not None or filters.probability_to is not None or models:
        probability = func.coalesce(*_predicted(predictions.c.probability, known, models))
        low = 0.0 if filters.probability_from is None else filters.probability_from
        high = 1.0 if filters.probability_to is None else filters.probability_to
        found.append(probability.between(low, high))
    return found


def _predicted(column: Column[Any], known: Models, models: Sequence[int]) -> list[ColumnElement[Any]]:
    """Return the value by ``models``, or by the active and the newest model, for use in COALESCE.

    Subqueries instead of joins keep the order of the index, so that the query can stop at the end of the page.
    """
    of_comment = select(column).where(predictions.c.comment_number == comments.c.number)
    if models:
        return [of_comment.where(predictions.c.model_number == models[0]).scalar_subquery(), null()]
    active = [model.number for model in known.values() if model.active]
    newest = of_comment.order_by(predictions.c.model_number.desc()).limit(1)
    chosen = [of_comment.where(predictions.c.model_number == number) for number in active]
    return [*(query.scalar_subquery() for query in (*chosen, newest)), null()]


async def sample_texts(connection: AsyncConnection, filters: CommentFilter, limit: int) -> list[str]:
    """Return the texts of the newest matching comments: at most ``limit``, fewer when the time limit is reached.

    Raises TransientStoreError.
    """
    known = await read_models(connection)
    if _impossible(filters, known):
        return []
    rows, _ = await _search(connection, filters, known, None, limit)
    return [row.text for row in rows]
