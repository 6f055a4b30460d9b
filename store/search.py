"""Search comments by any combination of filters, newest first, in bounded time.

A search walks along the index that fits its filters best and checks the remaining filters row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, and_, false, func, literal, not_, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import utc_hour_of_week
from store.blind import held_blindly
from store.comments import COMMENTS, Keyset, LabelledComment, Models, ShownLabel, with_labels, without_verdict
from store.held_back import is_held_back
from store.index_walk import Path, WalkResult, walk
from store.models import read_models
from store.tables import comments, predictions

# Time limits after which a search returns what it has found so far; searching texts is expensive.
TEXT_SECONDS, OTHER_SECONDS = 0.5, 0.1
# The most matches that are counted and sorted by probability, and the time limit for finding them.
COUNT_AT_MOST, COUNT_SECONDS = 10_000, 1.0

# The labels of models, and those that only reviews have.
MODEL_LABELS = (ShownLabel.POSITIVE, ShownLabel.NEGATIVE)
ONLY_REVIEWS = frozenset({ShownLabel.UNCLEAR, ShownLabel.SPAM})


class Audited(StrEnum):
    """Whether the model's label of a judged comment of the audit sample is that of the blind decision."""

    ANY = "any"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class CommentFilter:
    """Which comments; None does not filter. ``created_to`` is exclusive, all other limits are inclusive.

    ``text`` matches a part of the text, Latin letters in either case. With ``model`` (SHA-256), only comments that it
    has labelled match, and ``label``, ``probability`` and ``uncertain`` refer to its predictions; a review's label
    still takes precedence. ``undecided`` comments are uncertain and have no review. ``corrected`` comments have a
    review that differs from the model's label. ``audited`` comments have a blind decision as positive or negative.
    ``utc_hour_of_week`` is 0..167 from Monday.
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
    undecided: bool | None = None
    utc_hour_of_week: int | None = None
    corrected: bool | None = None
    audited: Audited | None = None

    @property
    def by_verdict(self) -> bool:
        """Whether the filter depends on what a model or a reviewer says."""
        said = (self.label, self.uncertain, self.undecided, self.probability_from, self.probability_to)
        return any(value is not None for value in (*said, self.corrected, self.audited))

    @property
    def only_reviewed(self) -> bool:
        """Whether only comments with a review can match."""
        return self.reviewed is True or self.corrected is True or self.audited is not None or self.label in ONLY_REVIEWS


@dataclass(frozen=True, slots=True)
class Page:
    """A page of comments, newest first; ``next`` is None on the last page.

    If the time limit ended the search before the page was full, ``searched_to`` is how far back it has looked, and
    ``next`` continues from there.
    """

    items: Sequence[LabelledComment]
    next: Keyset | None
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many comments match; with ``more``, at least that many."""

    comments: int
    more: bool


@dataclass(frozen=True, slots=True)
class SortedPage:
    """A page of the newest matches, sorted by probability. ``of`` counts the sorted ones; ``more`` is whether pages
    follow."""

    items: Sequence[LabelledComment]
    of: Count
    more: bool


async def list_comments(
    connection: AsyncConnection,
    filters: CommentFilter,
    after: Keyset | None,
    limit: int,
    reader: int | None = None,
    *,
    oldest_first: bool = False,
) -> Page:
    """Return a page of at most ``limit`` comments after ``after``, newest first unless ``oldest_first``.

    ``reader`` is the number of the account that reads it: a comment that it holds in the random audit has no label, and
    matches no filter that would reveal one. Raises TransientStoreError.
    """
    known = await read_models(connection)
    if _impossible(filters, known):
        return Page([], None)
    held = await held_blindly(connection, reader)
    search = Search(filters, held if filters.by_verdict else (), oldest_first)
    rows, stopped = await _search(connection, search, known, after, limit + 1)
    labelled = await with_labels(connection, rows[:limit], known)
    items = [
        without_verdict(one) if row.number in held else one for row, one in zip(rows[:limit], labelled, strict=True)
    ]
    if len(rows) > limit:
        last = rows[limit - 1]
        return Page(items, Keyset(last.created_at, last.number))
    return Page(items, stopped, None if stopped is None else stopped.created_at)


async def count_comments(connection: AsyncConnection, filters: CommentFilter, reader: int | None = None) -> Count:
    """Count the matching comments, at most COUNT_AT_MOST, for the account ``reader``. Raises TransientStoreError."""
    known = await read_models(connection)
    if _impossible(filters, known):
        return Count(0, more=False)
    held = await held_blindly(connection, reader) if filters.by_verdict else ()
    of = comments.c
    search = Search(filters, held, seconds=COUNT_SECONDS, query=select(of.number, of.created_at))
    rows, stopped = await _search(connection, search, known, None, COUNT_AT_MOST + 1)
    return Count(min(len(rows), COUNT_AT_MOST), stopped is not None or len(rows) > COUNT_AT_MOST)


async def list_by_probability(
    connection: AsyncConnection,
    filters: CommentFilter,
    reader: int | None,
    *,
    highest_first: bool,
    start: int,
    limit: int,
) -> SortedPage:
    """Sort the newest COUNT_AT_MOST matches by probability, and return ``limit`` of them from ``start`` on.

    No index has this order: sorting a limited number takes about as long with any number of comments. Comments that no
    model has labelled come last. Comments that ``reader`` holds in the random audit are left out, because their place
    would reveal the model's result. Raises TransientStoreError.
    """
    known = await read_models(connection)
    if _impossible(filters, known):
        return SortedPage([], Count(0, more=False), more=False)
    of = comments.c
    models = [model.number for model in known.values() if model.sha256 == filters.model]
    probability = func.coalesce(*_predicted(predictions.c.probability, known, models)).label("probability")
    query = select(of.number, of.created_at, probability)
    search = Search(filters, await held_blindly(connection, reader), seconds=COUNT_SECONDS, query=query)
    rows, stopped = await _search(connection, search, known, None, COUNT_AT_MOST + 1)
    count = Count(min(len(rows), COUNT_AT_MOST), stopped is not None or len(rows) > COUNT_AT_MOST)
    found = sorted(rows[:COUNT_AT_MOST], key=lambda row: _probability_order(row.probability, highest_first))
    numbers = [row.number for row in found[start : start + limit]]
    by_number = {row.number: row for row in await connection.execute(COMMENTS.where(of.number.in_(numbers)))}
    ordered = [by_number[number] for number in numbers if number in by_number]
    return SortedPage(await with_labels(connection, ordered, known), count, len(found) > start + limit)


def _probability_order(probability: float | None, highest_first: bool) -> tuple[bool, float]:
    if probability is None:
        return True, 0.0
    return False, -probability if highest_first else probability


@dataclass(frozen=True, slots=True)
class Search:
    """What to search for: comments that match ``filters`` without ``hidden`` ones.

    ``seconds`` is the time limit, None the usual one. ``query`` selects at least number and creation time.
    """

    filters: CommentFilter
    hidden: Sequence[int] = ()
    oldest_first: bool = False
    seconds: float | None = None
    query: Select[Any] = COMMENTS

    def limit_of_walk(self, paths: int) -> float:
        """Return the time limit for each of the walks along ``paths`` indexes."""
        usual = OTHER_SECONDS if self.filters.text is None else TEXT_SECONDS
        return (self.seconds or usual) / paths

    def is_reached(self, row: Row[Any], stop: Keyset) -> bool:
        """Return whether the row is not beyond the place where a walk stopped."""
        place, end = (row.created_at, row.number), (stop.created_at, stop.number)
        return place <= end if self.oldest_first else place >= end


async def _search(
    connection: AsyncConnection, search: Search, known: Models, after: Keyset | None, limit: int
) -> tuple[list[Row[Any]], Keyset | None]:
    """Return the rows in order, and where the time limit stopped the search, if it did.

    The results of several walks are merged up to the point that all of them have reached.
    """
    paths = [replace(path, descending=not search.oldest_first) for path in _paths(search.filters)]
    place = None if after is None else (after.created_at, after.number)
    hidden = [comments.c.number.not_in(search.hidden)] if search.hidden else []
    query = search.query.where(*conditions(search.filters, known), *hidden)
    seconds = search.limit_of_walk(len(paths))
    found = [await walk(connection, query, path, place, limit, seconds) for path in paths]
    rows = sorted((row for one in found for row in one.rows), key=_sort_key, reverse=not search.oldest_first)
    stops = [stop for one in found if (stop := _stop(one, limit)) is not None]
    first = min if search.oldest_first else max
    stop = first(stops, default=None, key=lambda keyset: (keyset.created_at, keyset.number))
    if stop is not None:
        rows = [row for row in rows if search.is_reached(row, stop)]
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
    if filters.only_reviewed:
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
    return unknown or (filters.reviewed is False and filters.only_reviewed)


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
    if filters.utc_hour_of_week is not None:
        found.append(utc_hour_of_week(of.created_at) == filters.utc_hour_of_week)
    predicted = func.coalesce(*_predicted(predictions.c.label, known, models))
    found += _judged(filters, predicted, any(known[number].trained_on_reviews for number in models))
    uncertain = func.coalesce(*_predicted(predictions.c.uncertain, known, models))
    if filters.uncertain is not None:
        found.append(uncertain.is_not_distinct_from(filters.uncertain))
    if filters.undecided is not None:
        undecided = and_(of.review_label.is_(None), uncertain.is_not_distinct_from(True))
        found.append(undecided if filters.undecided else not_(undecided))
    if filters.probability_from is not None or filters.probability_to is not None or models:
        probability = func.coalesce(*_predicted(predictions.c.probability, known, models))
        low = 0.0 if filters.probability_from is None else filters.probability_from
        high = 1.0 if filters.probability_to is None else filters.probability_to
        found.append(probability.between(low, high))
    return found


def _judged(filters: CommentFilter, predicted: ColumnElement[Any], held_back_only: bool) -> list[ColumnElement[bool]]:
    """Return the conditions that compare the model's label ``predicted`` with that of people."""
    of = comments.c
    found: list[ColumnElement[bool]] = []
    if filters.corrected is not None:
        corrected = and_(of.review_label.is_not(None), func.coalesce(predicted != of.review_label, false()))
        found.append(corrected if filters.corrected else not_(corrected))
    if filters.audited is not None:
        found += [of.audit_rank.is_not(None), of.blind_label.in_(MODEL_LABELS)]
        found += [is_held_back()] if held_back_only else []
    if filters.audited in (Audited.RIGHT, Audited.WRONG):
        agrees = predicted == of.blind_label
        found.append(agrees if filters.audited is Audited.RIGHT else not_(agrees))
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


@dataclass(frozen=True, slots=True)
class NewestMatches:
    """The newest matching comments as (number, version, creation time), newest first.

    ``complete`` is False if the time limit ended the search before it had found enough or reached the oldest comment.
    """

    rows: Sequence[tuple[int, int, datetime]]
    complete: bool


async def newest_matches(
    connection: AsyncConnection, filters: CommentFilter, limit: int, seconds: float
) -> NewestMatches:
    """Find at most ``limit`` of the newest matching comments within ``seconds``. Raises TransientStoreError."""
    known = await read_models(connection)
    if _impossible(filters, known):
        return NewestMatches([], complete=True)
    of = comments.c
    search = Search(filters, seconds=seconds, query=select(of.number, of.version, of.created_at))
    rows, stopped = await _search(connection, search, known, None, limit)
    return NewestMatches([tuple(row) for row in rows], stopped is None)


async def read_texts(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Return version and text of the comments with these numbers. Raises TransientStoreError."""
    of = comments.c
    query = select(of.number, of.version, of.text).where(of.number.in_(numbers))
    return {number: (version, text) for number, version, text in await connection.execute(query)}
