"""A comment as a reviewer gets it, with its context: earlier texts, and others of the same thread or author."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import COMMENTS, EarlierVersion, LabelledComment, earlier_versions, with_labels, without_verdict
from store.disputes import AnonymousOpinion, opinions_of
from store.groups import EarlierDecision, count_occurrences, earlier_decision
from store.leases import Texts
from store.models import read_models
from store.store import Store
from store.tables import comments

# Of each kind of context: the newest ones.
CONTEXT_ROWS = 5
# Neighbours are picked from so many of the same name, since platforms may share names.
NAMESAKES = 50


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another comment of the same thread or author."""

    platform: str
    id: str
    text: str
    created_at: datetime
    author: str | None
    thread: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A comment to review, claimed until ``claimed_until``, with what surrounds it, each the newest first.

    ``blind`` says that it waits for the random audit: the comment comes without anything that a model says of it.
    ``opinions`` are those that differ on a disputed comment.

    ``occurrences`` counts the comments that a decision for the text applies to, ``more_occurrences`` says that there
    are more than were counted, ``earlier_decision`` is the last one for the text. Where comments are decided one by one
    they are None.
    """

    comment: LabelledComment
    claimed_until: datetime
    earlier_versions: Sequence[EarlierVersion]
    thread: Sequence[Neighbour]
    author: Sequence[Neighbour]
    blind: bool = False
    opinions: Sequence[AnonymousOpinion] = ()
    occurrences: int | None = None
    more_occurrences: bool = False
    earlier_decision: EarlierDecision | None = None


def shared_texts(rows: Iterable[Any]) -> Texts:
    """The digest of the text of each comment that is decided for all comments with its text: those without a review
    that do not wait for the audit. Rows have ``number``, ``folded_digest``, ``review_number``, ``audit_rank`` and
    ``blind_label``."""
    return {
        row.number: row.folded_digest
        for row in rows
        if row.folded_digest is not None and row.review_number is None and not _is_blind(row)
    }


def _is_blind(row: Any) -> bool:
    return row.audit_rank is not None and row.blind_label is None


async def read_tasks(
    store: Store, numbers: Sequence[int], until: datetime, *, by_text: bool = False, with_opinions: bool = False
) -> list[Task]:
    """The comments in the order of ``numbers``, with their context; one that was erased meanwhile is left out.

    What a model says is left out of a comment that waits for the audit. ``by_text`` counts the comments that share the
    text of one without a review, ``with_opinions`` adds the opinions on disputed comments. Raises TransientStoreError.
    """
    if not numbers:
        return []
    async with store.reading() as connection:
        rows = {row.number: row for row in await connection.execute(COMMENTS.where(comments.c.number.in_(numbers)))}
        found = [rows[number] for number in numbers if number in rows]
        labelled = await with_labels(connection, found, await read_models(connection))
        tasks = [await _task(connection, row, one, until, by_text) for row, one in zip(found, labelled, strict=True)]
        if not with_opinions:
            return tasks
        return [
            replace(task, opinions=await opinions_of(connection, row.number, row.review_number))
            for row, task in zip(found, tasks, strict=True)
        ]


async def _task(
    connection: AsyncConnection, row: Row[Any], comment: LabelledComment, until: datetime, by_text: bool
) -> Task:
    of = comments.c
    blind = _is_blind(row)
    shares = by_text and bool(shared_texts([row]))
    occurrences = await count_occurrences(connection, row.folded_digest) if shares else None
    return Task(
        without_verdict(comment) if blind else comment,
        until,
        await earlier_versions(connection, row.number, CONTEXT_ROWS),
        await _neighbours(connection, row, "comments_by_thread", of.thread == row.thread) if row.thread else [],
        await _neighbours(connection, row, "comments_by_author", of.author == row.author) if row.author else [],
        blind,
        occurrences=None if occurrences is None else max(1, occurrences.count),
        more_occurrences=occurrences is not None and occurrences.more,
        earlier_decision=await earlier_decision(connection, row.folded_digest) if shares else None,
    )


async def _neighbours(
    connection: AsyncConnection, row: Row[Any], index: str, same: ColumnElement[bool]
) -> list[Neighbour]:
    """The newest other comments of the same name and platform."""
    of = comments.c
    query = (
        select(of.platform, of.id, of.text, of.created_at, of.author, of.thread)
        .with_hint(comments, f"FORCE INDEX ({index})", "mysql")
        .where(same, of.number != row.number)
        .order_by(of.created_at.desc(), of.number.desc())
        .limit(NAMESAKES)
    )
    found = [Neighbour(*one) for one in await connection.execute(query)]
    return [one for one in found if one.platform == row.platform][:CONTEXT_ROWS]
