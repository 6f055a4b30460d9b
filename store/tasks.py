"""Read comments for reviewers with context: earlier texts and other comments of the same thread or author."""

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

# The most rows of each kind of context, newest first.
CONTEXT_ROWS = 5
# Rows read to find neighbours on the same platform, because platforms may share thread and author names.
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
    """A comment to review, leased until ``claimed_until``, with its context, newest first.

    ``blind`` means that the comment waits for the random audit and comes without any prediction. ``opinions`` are the
    differing opinions on a disputed comment.

    ``occurrences`` counts the comments that a decision for the text applies to; ``more_occurrences`` means that there
    are more. ``earlier_decision`` is the latest one for the text. ``occurrences`` and ``earlier_decision`` are None if
    the comment is decided alone.
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
    """Map each comment that is decided together with all copies of its text to the text's digest.

    These are the comments that have no review and do not wait for the audit. Rows have ``number``, ``folded_digest``,
    ``review_number``, ``audit_rank`` and ``blind_label``.
    """
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
    """Return the comments with their context in the order of ``numbers``, without those erased meanwhile.

    Comments that wait for the audit come without predictions. ``by_text`` adds, for comments without a review, the
    number of comments with the same text. ``with_opinions`` adds the opinions on disputed comments.
    Raises TransientStoreError.
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
    """Return the newest other comments on the same platform that meet ``same``, the same thread or author."""
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
