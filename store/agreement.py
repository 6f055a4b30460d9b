"""Measure agreement on texts with several opinions, by pair of reviewers and by label.

Each review updates two tables of counts (disputes.py), so the cost does not depend on the number of comments.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import users
from store.comments import ShownLabel
from store.kappa import Counts, Estimate, cohens_kappa, krippendorffs_alpha
from store.review_tables import agreement_pairs, agreement_patterns
from store.store import Store

LABELS = tuple(ShownLabel)
# The maximum number of pairs; those with the most texts in common are compared.
PAIRS = 20
NO_KAPPA = Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A reviewer. ``name`` is the account's name, None if there is no account or it was removed."""

    number: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two reviewers, or of all reviewers if ``pair`` is None.

    It compares one label with all others, or all labels if ``label`` is None. ``texts`` is the number of texts with two
    or more independent opinions; on ``same`` of them all opinions are equal. Kappa is defined only for a pair.
    """

    pair: tuple[Reviewer, Reviewer] | None
    label: ShownLabel | None
    texts: int
    same: int
    kappa: Estimate
    alpha: Estimate


async def read_agreement(store: Store) -> list[Agreement]:
    """Return the agreement of all reviewers, then of at most PAIRS pairs, those with the most texts first.

    For each, agreement on all labels comes first, then one entry per label. Raises TransientStoreError.
    """
    async with store.reading() as connection:
        patterns, counts = await _patterns(connection)
        tables = await _tables(connection)
        largest = sorted(tables, key=lambda pair: (-int(tables[pair].sum()), pair))[:PAIRS]
        names = await _names(connection, largest) if largest else {}
    if not counts.size:
        return []
    compared = {
        (Reviewer(first, names.get(first)), Reviewer(second, names.get(second))): tables[first, second]
        for first, second in largest
    }
    # Resampling for the intervals takes longer than reading, so it runs outside the transaction and the event loop.
    return await asyncio.to_thread(_agreements, patterns, counts, compared)


def _agreements(
    patterns: Counts, counts: Counts, compared: Mapping[tuple[Reviewer, Reviewer], Counts]
) -> list[Agreement]:
    found = [_of_all(patterns, counts, label) for label in (None, *LABELS)]
    for pair, table in compared.items():
        found += [_of_pair(pair, table, label) for label in (None, *LABELS)]
    return found


async def _patterns(connection: AsyncConnection) -> tuple[Counts, Counts]:
    of = agreement_patterns.c
    rows = (await connection.execute(select(*(of[label] for label in LABELS), of.n))).all()
    table = numpy.array([tuple(row) for row in rows], dtype=numpy.int64).reshape(len(rows), len(LABELS) + 1)
    return table[:, :-1], table[:, -1]


async def _tables(connection: AsyncConnection) -> dict[tuple[int, int], Counts]:
    """Return a table by pair: texts by the first reviewer's label (row) and the second reviewer's (column)."""
    tables: dict[tuple[int, int], Counts] = {}
    for first, second, one, other, n in await connection.execute(select(agreement_pairs)):
        table = tables.setdefault((first, second), numpy.zeros((len(LABELS), len(LABELS)), dtype=numpy.int64))
        table[LABELS.index(ShownLabel(one)), LABELS.index(ShownLabel(other))] += n
    return tables


async def _names(connection: AsyncConnection, pairs: Sequence[tuple[int, int]]) -> Mapping[int, str]:
    numbers = {number for pair in pairs for number in pair}
    query = select(users.c.number, users.c.name).where(users.c.number.in_(numbers))
    return {row.number: row.name for row in await connection.execute(query)}


def _of_all(patterns: Counts, counts: Counts, label: ShownLabel | None) -> Agreement:
    if label is not None:
        own = patterns[:, LABELS.index(label)]
        patterns = numpy.stack([own, patterns.sum(axis=1) - own], axis=1)
    same = int(counts[patterns.max(axis=1) == patterns.sum(axis=1)].sum())
    return Agreement(None, label, int(counts.sum()), same, NO_KAPPA, krippendorffs_alpha(patterns, counts))


def _of_pair(pair: tuple[Reviewer, Reviewer], table: Counts, label: ShownLabel | None) -> Agreement:
    if label is not None:
        table = _against_others(table, LABELS.index(label))
    size = len(table)
    given = numpy.eye(size, dtype=numpy.int64)
    patterns = (given[:, None, :] + given[None, :, :]).reshape(-1, size)
    alpha = krippendorffs_alpha(patterns, table.reshape(-1))
    return Agreement(pair, label, int(table.sum()), int(numpy.trace(table)), cohens_kappa(table), alpha)


def _against_others(table: Counts, label: int) -> Counts:
    """Return the 2 x 2 table of one label against all others."""
    both, first, second = table[label, label], table[label].sum(), table[:, label].sum()
    return numpy.array([[both, first - both], [second - both, table.sum() - first - second + both]])
