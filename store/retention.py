"""Purge what is older than the settings allow, in steps; one process purges at a time.

The horizon is stored before anything is purged and read by every batch in its transaction, so that a redelivered event
does not bring a purged comment back. Counts contain no personal data and are kept: those of purged comments move to the
number PURGED_MODEL, with the label that was shown.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.settings import Settings
from store import audit
from store.admin_tables import api_tokens, audit_log, sessions
from store.audit import Actor
from store.batch import Prediction
from store.clock import trusted_now
from store.dead_letter_admin import expire
from store.errors import StoreError
from store.lock_keys import Key, LockedRow, lock_current
from store.merge import (
    PURGED_MODEL,
    Labelled,
    Outcome,
    PlatformHour,
    StoredState,
    comment_changes,
    comment_counts,
    count_changes,
    labelled_as,
)
from store.models import read_active
from store.ranges import HOUR, bucket_of
from store.retry import retried
from store.session import WriteSession
from store.store import Store
from store.tables import RETENTION_ROW, comment_versions, comments, dead_letters, outbox, retention, reviews
from store.types import stored_time
from store.write import move_counts, move_label_counts

# What a step purges: few enough that it holds its locks only for a fraction of a second.
STEP = 500
LEASE = timedelta(seconds=60)

# What is being purged, and the numbers done and in total.
Report = Callable[[str, int, int], None]


class PurgeBusyError(StoreError):
    """Another process is purging."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How many days rows are kept, 0 for ever; and whether reviewed comments are purged too."""

    comments: int
    versions: int
    dead_letters: int
    outbox: int
    sessions: int
    audit_log: int
    reviewed: bool

    @classmethod
    def of(cls, settings: Settings, *, reviewed: bool = False) -> "Rules":
        """Return the rules of the settings; ``reviewed`` purges reviewed comments whatever they say."""
        return cls(
            settings.comment_days,
            settings.version_days,
            settings.dead_letter_days,
            settings.outbox_days,
            settings.ended_session_days,
            settings.audit_log_days,
            reviewed or settings.purge_reviewed,
        )


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows were purged, or would be.

    ``reviewed_texts`` are comments among ``comments`` with a review, of the current or an earlier text, that is lost.
    """

    comments: int = 0
    reviewed_texts: int = 0
    versions: int = 0
    dead_letters: int = 0
    outbox: int = 0
    sessions: int = 0
    tokens: int = 0
    audit_log: int = 0

    def by_kind(self) -> dict[str, int]:
        """Return the numbers by field."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class _Cutoffs:
    """Rows older than these times are purged; None keeps them."""

    horizon: datetime | None
    versions: datetime | None
    dead_letters: datetime | None
    outbox: datetime | None
    sessions: datetime | None
    audit_log: datetime | None


async def count_purgeable(connection: AsyncConnection, rules: Rules) -> Purged:
    """Count what ``purge`` would purge now. Raises TransientStoreError."""
    cutoffs = await _cutoffs(connection, rules)
    counts = {}
    for name, (table, condition) in _conditions(cutoffs).items():
        query = select(func.count()).select_from(table).where(condition)
        counts[name] = (await connection.execute(query)).scalar_one()
    if cutoffs.horizon is None:
        return Purged(**counts)
    purgeable = _purgeable(cutoffs.horizon, rules)
    counts["comments"] = (await connection.execute(select(func.count()).where(purgeable))).scalar_one()
    return Purged(**counts, reviewed_texts=await _count_reviewed(connection, purgeable))


async def purge(
    store: Store, rules: Rules, actor: Actor, token: int, report: Report, pause_seconds: float = 0
) -> Purged:
    """Purge everything that is older than ``rules`` allow, and record it in the audit log.

    ``token`` is a random number of this process. Raises PurgeBusyError if another process purges, and StoreError. An
    interrupted purge can be repeated.
    """
    await retried(lambda: store.write(_lease, token), repeatable=True)
    async with store.reading(patient=True) as connection:
        expected = await count_purgeable(connection, rules)
        cutoffs = await _cutoffs(connection, rules)
    counted = _Counted(expected, report)
    if cutoffs.horizon is not None:
        await _purge_comments(store, rules, token, cutoffs.horizon, counted, pause_seconds)
    for name, (table, condition) in _conditions(cutoffs).items():
        if table is not dead_letters:
            while n := await _repeated_step(store, token, table, condition):
                counted.add(name, n)
                await asyncio.sleep(pause_seconds)
    if cutoffs.dead_letters is not None:
        counted.add("dead_letters", await expire(store, cutoffs.dead_letters, actor))
    purged = counted.purged()
    await retried(lambda: store.write(_finish, token, actor, purged), repeatable=True)
    return purged


class _Counted:
    """Counts what was purged, and reports it."""

    def __init__(self, expected: Purged, report: Report) -> None:
        self._expected = expected
        self._report = report
        self._done: Counter[str] = Counter()

    def add(self, name: str, n: int) -> None:
        """Count rows of a field of Purged."""
        self._done[name] += n
        total = max(self._done[name], self._expected.by_kind()[name])
        if total:
            self._report(f"purging {name.replace('_', ' ')}", self._done[name], total)

    def purged(self) -> Purged:
        """Return the numbers so far."""
        lost = self._expected.reviewed_texts if self._done["comments"] else 0
        return Purged(**self._done, reviewed_texts=lost)


async def _purge_comments(
    store: Store, rules: Rules, token: int, horizon: datetime, counted: _Counted, pause_seconds: float
) -> None:
    await retried(lambda: store.write(_move_horizon, token, horizon), repeatable=True)
    work = _CommentsPurge(token, rules, horizon)
    while (n := await retried(lambda: store.write(work.step))) is not None:
        counted.add("comments", n)
        await asyncio.sleep(pause_seconds)


async def _repeated_step(store: Store, token: int, table: Table, condition: ColumnElement[bool]) -> int:
    return await retried(lambda: store.write(_delete_step, token, table, condition), repeatable=True)


class _CommentsPurge:
    """Purges comments in steps, in the order of created_at.

    The cursor skips the entries of purged comments, which InnoDB removes from the index only later.
    """

    def __init__(self, token: int, rules: Rules, horizon: datetime) -> None:
        self._token = token
        self._rules = rules
        self._horizon = horizon
        self._after: tuple[datetime, int] | None = None

    async def step(self, session: WriteSession) -> int | None:
        """Purge the next comments and return their number, None after the last ones.

        Raises PurgeBusyError and StoreError.
        """
        await _renew(session, self._token)
        rows = await self._next(session.connection)
        if not rows:
            return None
        purged = await self._purge(session, sorted((row.platform, row.id) for row in rows))
        # Not before the commit, because the step may be repeated.
        session.on_commit.append(lambda: self._move((rows[-1].created_at, rows[-1].number)))
        return purged

    def _move(self, after: tuple[datetime, int]) -> None:
        self._after = after

    async def _next(self, connection: AsyncConnection) -> Sequence[Any]:
        of = comments.c
        query = select(of.number, of.platform, of.id, of.created_at).where(_purgeable(self._horizon, self._rules))
        if self._after is not None:
            at, number = self._after
            query = query.where(or_(of.created_at > at, and_(of.created_at == at, of.number > number)))
        return (await connection.execute(query.order_by(of.created_at, of.number).limit(STEP))).all()

    async def _purge(self, session: WriteSession, keys: Sequence[Key]) -> int:
        """Delete those that are still old enough and not reviewed under lock, and move their counts."""
        active = await read_active(session.connection)
        changes: Counter[Labelled] = Counter()
        stored: Counter[PlatformHour] = Counter()
        deleted = []
        for (platform, _), (row, predictions) in (await lock_current(session, keys)).items():
            content = row.content
            if content.created_at >= self._horizon or (row.review is not None and not self._rules.reviewed):
                continue
            deleted.append({"number": row.number})
            before = StoredState(content, predictions, None, row.review)
            count_changes(platform, before, Outcome(None, {}, None), changes)
            comment_changes(platform, content, None, stored)
            changes.update(_kept(platform, row, predictions, None if active is None else active.number))
        if deleted:
            statements = session.statements
            await session.run(statements.delete_comments, deleted)
            await move_counts(
                session, comment_counts(stored), statements.add_comment_counts, statements.delete_zero_comment_counts
            )
            await move_label_counts(session, changes)
            total = retention.c.purged + len(deleted)
            await session.connection.execute(update(retention).where(_row()).values(purged=total))
        return len(deleted)


def _kept(platform: str, row: LockedRow, predictions: dict[int, Prediction], active: int | None) -> list[Labelled]:
    """Return how a purged comment is counted from now on: by the active model's prediction, else the newest other."""
    if not predictions:
        return []
    shown = predictions[active if active in predictions else max(predictions)]
    review = None if row.review is None else row.review.label
    return list(labelled_as(platform, row.content.created_at, {PURGED_MODEL: shown}, review))


async def _lease(session: WriteSession, token: int) -> None:
    now = stored_time(session.now)
    if (await session.connection.execute(select(retention.c.id).where(_row()))).one_or_none() is None:
        try:
            await session.connection.execute(insert(retention).values(id=RETENTION_ROW))
        except IntegrityError:  # Another process has just inserted it and holds the lease.
            raise PurgeBusyError("Another process is purging. Try again when it has finished.") from None
    of = retention.c
    free = or_(of.claimed_until.is_(None), of.claimed_until < now, of.claimed_by == token)
    values = {"claimed_by": token, "claimed_until": now + LEASE}
    if (await session.connection.execute(update(retention).where(_row(), free).values(**values))).rowcount != 1:
        raise PurgeBusyError("Another process is purging. Try again when it has finished.")


async def _renew(session: WriteSession, token: int) -> None:
    """Renew the lease until the transaction ends. Raises PurgeBusyError if another process has it."""
    own = and_(_row(), retention.c.claimed_by == token)
    values = {"claimed_until": stored_time(session.now) + LEASE}
    if (await session.connection.execute(update(retention).where(own).values(**values))).rowcount != 1:
        raise PurgeBusyError("Another process has taken over the purge.")


async def _move_horizon(session: WriteSession, token: int, horizon: datetime) -> None:
    """Store the horizon, unless a later one is stored."""
    await _renew(session, token)
    of = retention.c
    earlier = or_(of.horizon.is_(None), of.horizon < horizon)
    await session.connection.execute(update(retention).where(_row(), earlier).values(horizon=horizon))


async def _delete_step(session: WriteSession, token: int, table: Table, condition: ColumnElement[bool]) -> int:
    await _renew(session, token)
    [number] = table.primary_key.columns
    if table is sessions:  # Few rows, whose key the driver cannot pass as a parameter.
        return int((await session.connection.execute(delete(table).where(condition))).rowcount)
    found = select(number).where(condition).limit(STEP)
    numbers = list((await session.connection.execute(found)).scalars())
    if numbers:
        await session.connection.execute(delete(table).where(number.in_(numbers), condition))
    return len(numbers)


async def _finish(session: WriteSession, token: int, actor: Actor, purged: Purged) -> None:
    await _renew(session, token)
    values = {"claimed_by": None, "claimed_until": None, "finished_at": stored_time(session.now)}
    await session.connection.execute(update(retention).where(_row()).values(**values))
    detail: dict[str, audit.JSON] = {name: n for name, n in purged.by_kind().items() if n}
    if detail:
        await audit.record(session, actor, "retention.purge", "database", "", detail)


async def _cutoffs(connection: AsyncConnection, rules: Rules) -> _Cutoffs:
    now = await trusted_now(connection)

    def before(days: int) -> datetime | None:
        return None if days == 0 else now - timedelta(days=days)

    horizon = before(rules.comments)
    return _Cutoffs(
        None if horizon is None else bucket_of(HOUR, horizon),
        before(rules.versions),
        before(rules.dead_letters),
        before(rules.outbox),
        before(rules.sessions),
        before(rules.audit_log),
    )


def _conditions(cutoffs: _Cutoffs) -> dict[str, tuple[Table, ColumnElement[bool]]]:
    """Return the rows to delete, besides comments, by the field of Purged."""
    rows: dict[str, tuple[Table, ColumnElement[bool]]] = {}
    if cutoffs.versions is not None:
        rows["versions"] = (comment_versions, comment_versions.c.replaced_at < cutoffs.versions)
    if cutoffs.dead_letters is not None:
        rows["dead_letters"] = (dead_letters, dead_letters.c.stored_at < cutoffs.dead_letters)
    if cutoffs.outbox is not None:
        rows["outbox"] = (outbox, outbox.c.done_at < cutoffs.outbox)
    if cutoffs.sessions is not None:
        rows["sessions"] = (sessions, sessions.c.expires_at < cutoffs.sessions)
        of = api_tokens.c
        rows["tokens"] = (api_tokens, or_(of.expires_at < cutoffs.sessions, of.revoked_at < cutoffs.sessions))
    if cutoffs.audit_log is not None:
        rows["audit_log"] = (audit_log, audit_log.c.at < cutoffs.audit_log)
    return rows


def _purgeable(horizon: datetime, rules: Rules) -> ColumnElement[bool]:
    old = comments.c.created_at < horizon
    return old if rules.reviewed else and_(comments.c.review_label.is_(None), old)


async def _count_reviewed(connection: AsyncConnection, purgeable: ColumnElement[bool]) -> int:
    withdrawal = reviews.alias("withdrawal").c
    withdrawn = select(withdrawal.number).where(
        withdrawal.comment_number == reviews.c.comment_number, withdrawal.withdraws == reviews.c.number
    )
    query = (
        select(func.count(reviews.c.comment_number.distinct()))
        .join_from(reviews, comments, comments.c.number == reviews.c.comment_number)
        .where(purgeable, reviews.c.withdraws.is_(None), ~withdrawn.exists())
    )
    return int((await connection.execute(query)).scalar_one())


def _row() -> ColumnElement[bool]:
    return retention.c.id == RETENTION_ROW
