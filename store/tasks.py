"""A comment as a reviewer gets it, with its context: earlier texts, and others of the same thread or author."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import COMMENTS, EarlierVersion, LabelledComment, earlier_versions, with_labels, without_verdict
from store.disputes import AnonymousOpinion, opinions_of
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
    """

    comment: LabelledComment
    claimed_until: datetime
    earlier_versions: Sequence[EarlierVersion]
    thread: Sequence[Neighbour]
    author: Sequence[Neighbour]
    blind: bool = False
    opinions: Sequence[AnonymousOpinion] = ()


async def read_tasks(
    store: Store, numbers: Sequence[int], until: datetime, *, with_opinions: bool = False
) -> list[Task]:
    """The comments in the order of ``numbers``, with their context; one that was erased meanwhile is left out.

    What a model says is left out of a comment that waits for the audit. ``with_opinions`` adds the opinions on disputed
    comments. Raises TransientStoreError.
    """
    if not numbers:
        return []
    async with store.reading() as connection:
        rows = {row.number: row for row in await connection.execute(COMMENTS.where(comments.c.number.in_(numbers)))}
        found = [rows[number] for number in numbers if number in rows]
        labelled = await with_labels(connection, found, await read_models(connection))
        tasks = [await _task(connection, row, one, until) for row, one in zip(found, labelled, strict=True)]
        if not with_opinions:
            return tasks
        return [
            replace(task, opinions=await opinions_of(connection, row.number, row.review_number))
            for row, task in zip(found, tasks, strict=True)
        ]


async def _task(connection: AsyncConnection, row: Row[Any], comment: LabelledComment, until: datetime) -> Task:
    of = comments.c
    blind = row.audit_rank is not None and row.blind_label is None
    return Task(
        without_verdict(comment) if blind else comment,
        until,
        await earlier_versions(connection, row.number, CONTEXT_ROWS),
        await _neighbours(connection, row, "comments_by_thread", of.thread == row.thread) if row.thread else [],
        await _neighbours(connection, row, "comments_by_author", of.author == row.author) if row.author else [],
        blind,
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
