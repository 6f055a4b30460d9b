"""Repair counts that have drifted from the rows, one day at a time, while consumers keep running.

Adding zero locks the counts of a day in the order in which batches lock them. Every transaction changes its counts
last. Whatever changed a comment is then either committed and part of the recount, or waits and adds to the new count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import SUMMED
from store.check import CommentCountDifference, CountDifference, SumDifference, recount, recount_comments, recount_sums
from store.merge import CommentCount, CountSum, HourlyCount
from store.retry import retried
from store.session import WriteSession
from store.store import Store

HOUR_TEXT = "%Y-%m-%d %H"
Key = CommentCount | HourlyCount | CountSum


@dataclass(frozen=True, slots=True)
class Differences:
    """Counts that differ from the rows."""

    hourly: Sequence[CountDifference]
    sums: Sequence[SumDifference]
    comments: Sequence[CommentCountDifference]

    @property
    def days(self) -> list[str]:
        """The days (UTC) with a difference, formatted ``2026-01-31``."""
        hours = [one.hour for one in self.hourly] + [one.begins for one in self.sums]
        hours += [one.begins for one in self.comments]
        return sorted({hour[:10] for hour in hours})

    def __len__(self) -> int:
        return len(self.hourly) + len(self.sums) + len(self.comments)


async def find_differences(connection: AsyncConnection, day: str | None = None) -> Differences:
    """Recount all comments, or those of a day, and return the counts that differ. Raises TransientStoreError."""
    return Differences(
        await recount(connection, day), await recount_sums(connection, day), await recount_comments(connection, day)
    )


async def repair_day(store: Store, day: str) -> int:
    """Correct the counts of a day and return the number of corrections. Raises StoreError."""
    return await retried(lambda: store.write(_repair_day, day))


async def _repair_day(session: WriteSession, day: str) -> int:
    suspected = _corrections(await find_differences(session.connection, day))
    await _add(session, {key: dict.fromkeys(changes, 0) for key, changes in suspected.items()})
    found = _corrections(await find_differences(session.connection, day))
    # A key that was not locked may be a transaction's between its rows and its counts.
    wrong = {key: changes for key, changes in found.items() if key in suspected}
    await _add(session, wrong)
    await _delete_zeros(session, suspected)
    return len(wrong)


def _corrections(differences: Differences) -> dict[Key, dict[str, int]]:
    """Return what to add to each count, by column."""
    added: dict[Key, dict[str, int]] = {}
    for count in differences.comments:
        key: Key = CommentCount(count.bucket, count.platform, _time(count.begins))
        added[key] = {"n": count.counted - count.stored}
    for one in differences.hourly:
        key = HourlyCount(one.model_number, one.platform, _time(one.hour), one.label, one.uncertain)
        added[key] = {"n": one.counted - one.stored}
    for total in differences.sums:
        key = CountSum(total.model_number, total.bucket, total.platform, _time(total.begins))
        added.setdefault(key, dict.fromkeys(SUMMED, 0))[total.name] = total.counted - total.stored
    return added


async def _add(session: WriteSession, added: Mapping[Key, Mapping[str, int]]) -> None:
    """Add to counts, in the order of kinds and keys in which batches do."""
    statements = session.statements
    for kind, statement in (
        (CommentCount, statements.add_comment_counts),
        (HourlyCount, statements.add_counts),
        (CountSum, statements.add_sums),
    ):
        keys = sorted(key for key in added if isinstance(key, kind))
        if keys:
            await session.run(statement, [{**key._asdict(), **added[key]} for key in keys])


async def _delete_zeros(session: WriteSession, locked: Iterable[Key]) -> None:
    statements = session.statements
    known = list(locked)
    for kind, statement in (
        (CommentCount, statements.delete_zero_comment_counts),
        (HourlyCount, statements.delete_zero_counts),
        (CountSum, statements.delete_zero_sums),
    ):
        keys = sorted(key for key in known if isinstance(key, kind))
        if keys:
            await session.run(statement, [key._asdict() for key in keys])


def _time(hour: str) -> datetime:
    return datetime.strptime(hour, HOUR_TEXT).replace(tzinfo=UTC)
