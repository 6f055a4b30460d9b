"""Track which comments reviewers dispute, and count how often two reviewers give the same label."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import ShownLabel
from store.groups import is_copied, is_revoked
from store.opinions import Decision, Weighed, of_current_text, pairs, pattern, weigh
from store.review_tables import disputes
from store.session import WriteSession
from store.statement_builder import Statement, Values
from store.tables import comments, reviews

PAIR_KEY = ("first_reviewer", "second_reviewer", "first_label", "second_label")
LABELS = tuple(ShownLabel)


@dataclass(frozen=True, slots=True)
class AnonymousOpinion:
    """A reviewer's label and reason, without the reviewer's name."""

    label: ShownLabel
    reason: str | None


def disputed() -> ColumnElement[bool]:
    """Return the condition that reviewers dispute the current text of a row of ``comments``."""
    of = disputes.c
    return exists().where(of.comment_number == comments.c.number, of.review_number == comments.c.review_number)


async def decisions_of(connection: AsyncConnection, numbers: Collection[int]) -> dict[int, list[Decision]]:
    """Return all decisions on these comments and their withdrawals, by comment number."""
    of = reviews.c
    found: dict[int, list[Decision]] = {number: [] for number in numbers}
    columns = (of.number, of.label, of.reviewer_number, of.replaces, of.withdraws, is_copied(), is_revoked())
    query = select(of.comment_number, *columns).where(of.comment_number.in_(numbers))
    for number, *values in await connection.execute(query):
        found[number].append(Decision(*values))
    return found


async def weighed_of(connection: AsyncConnection, current: Mapping[int, int | None]) -> dict[int, Weighed]:
    """Weigh the opinions on each comment's current text; ``current`` is the review by comment number."""
    decided = await decisions_of(connection, current) if current else {}
    return {number: _weighed(decided[number], review) for number, review in current.items()}


async def move_disputes(
    session: WriteSession, were: Mapping[int, Weighed], are: Mapping[int, Weighed], current: Mapping[int, int | None]
) -> None:
    """Update disputes and agreement counts after opinions changed from ``were`` to ``are``, by comment number.

    ``current`` is each comment's review after the change. The comments must be locked.
    """
    await session.connection.execute(delete(disputes).where(disputes.c.comment_number.in_(list(current))))
    rows = [
        {"comment_number": number, "review_number": current[number]} for number, what in are.items() if what.disputed
    ]
    if rows:
        await session.run(session.statements.add_disputes, rows)
    await _count(session, were.values(), are.values())


def _weighed(decisions: Sequence[Decision], standing: int | None) -> Weighed:
    return weigh(reversed(of_current_text(decisions, standing)))


async def _count(session: WriteSession, were: Iterable[Weighed], are: Iterable[Weighed]) -> None:
    paired: Counter[tuple[Any, ...]] = Counter()
    patterns: Counter[tuple[Any, ...]] = Counter()
    for side, by in ((were, -1), (are, 1)):
        for weighed in side:
            for counts, keys in ((paired, pairs(weighed)), (patterns, pattern(weighed, LABELS))):
                for key, n in keys.items():
                    counts[key] += by * n
    statements = session.statements
    await _move(session, PAIR_KEY, paired, statements.add_pairs, statements.delete_zero_pairs)
    await _move(session, LABELS, patterns, statements.add_patterns, statements.delete_zero_patterns)


async def _move(
    session: WriteSession,
    names: Sequence[str],
    changes: Mapping[tuple[Any, ...], int],
    add: Statement,
    delete_zero: Statement,
) -> None:
    """Add to the counts and delete those that become zero.

    The rows are sorted by key, because all reviewers' transactions lock the same rows.
    """
    moved = {key: n for key, n in changes.items() if n}
    rows: list[Values] = [{**dict(zip(names, key, strict=True)), "n": moved[key]} for key in sorted(moved)]
    if rows:
        await session.run(add, rows)
    lowered = [row for row in rows if moved[tuple(row[name] for name in names)] < 0]
    if lowered:
        await session.run(delete_zero, lowered)


async def opinions_of(connection: AsyncConnection, number: int, standing: int | None) -> list[AnonymousOpinion]:
    """Return the differing opinions on a disputed comment, oldest first; ``standing`` is its current review."""
    weighed = (await weighed_of(connection, {number: standing}))[number]
    numbers = [opinion.number for opinion in weighed.opinions.values()]
    of = reviews.c
    query = select(of.label, of.reason).where(of.number.in_(numbers)).order_by(of.number)
    return [AnonymousOpinion(ShownLabel(label), reason) for label, reason in await connection.execute(query)]
