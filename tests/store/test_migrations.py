"""Migrations create exactly the tables in tables.py, and run once even when started concurrently."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Connection, delete, event, inspect, select, text, update

from store.admin_tables import api_tokens, compatibility, metadata, sessions
from store.audit import Actor
from store.batch import Label
from store.check import recount_comments, recount_sums
from store.comments import ShownLabel
from store.errors import ErasureKeyError, MigrationsPendingError
from store.folding import folded_digest
from store.migrate import migrate, newest_revision, stored_revision
from store.review_tables import agreement_pairs, agreement_patterns, disputes
from store.reviews import Opinion, add_review
from store.store import Store
from store.tables import comment_counts, comments, count_sums, predictions
from tests.store.conftest import ready_store
from tests.store.feed import ERASURE_KEY, arrival, feed_of, microseconds, minutes, tombstone
from tests.store.tables_read import read_contents

# In minutes; more than the migrations read at once.
DAYS = 40 * 24 * 60
TIME = "'2026-01-31 22:30:00.000000'"
BEFORE_REVIEWS = (
    "INSERT INTO comments (number, platform, id, text, version, created_at, stored_at, changed_at, claimed_by) "
    f"VALUES (1, 'forum', '1', 'x', 1, {TIME}, {TIME}, {TIME}, 1)",
    "INSERT INTO predictions (comment_number, model_number, label, probability, uncertain, predicted_at) "
    f"VALUES (1, 1, 'positive', 0.9, 0, {TIME}), (1, 2, 'negative', 0.35, 1, {TIME})",
)


def definitions(connection: Connection) -> dict[str, list[str]]:
    """Return each table as the database describes it, with columns, indexes and constraints sorted."""
    describe = _sqlite_lines if connection.dialect.name == "sqlite" else _server_lines
    return {name: sorted(describe(connection, name)) for name in inspect(connection).get_table_names()}


def _server_lines(connection: Connection, table: str) -> list[str]:
    written = connection.execute(text(f"SHOW CREATE TABLE `{table}`")).one()[1]
    return [re.sub(r" AUTO_INCREMENT=\d+", "", line.strip().rstrip(",")) for line in written.splitlines()]


def _sqlite_lines(connection: Connection, table: str) -> list[str]:
    described = inspect(connection)
    columns = connection.execute(
        text('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(:table)'), {"table": table}
    )
    constraints = [
        *described.get_indexes(table),
        *described.get_unique_constraints(table),
        *described.get_foreign_keys(table),
    ]
    return [str(tuple(column)) for column in columns] + [str(sorted(found.items(), key=str)) for found in constraints]


async def test_migrations_create_the_tables_of_the_program(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        async with store.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            described = await connection.run_sync(definitions)
            await connection.run_sync(metadata.drop_all)
        await migrate(store.engine, lambda step: None)
        async with store.engine.connect() as connection:
            migrated = await connection.run_sync(definitions)
    assert migrated.pop("alembic_version")
    assert migrated == described
    assert len(described) == len(metadata.tables)


class KilledError(Exception):
    """The process that migrates was killed."""


async def migrate_until(url: str, statements: int) -> bool:
    """Migrate until this many statements have changed tables; return whether the migration is complete.

    A new process starts with new connections.
    """
    left = statements

    def count(*given: Any) -> None:
        nonlocal left
        left -= given[2].lstrip().startswith(("CREATE", "ALTER", "DROP"))
        if left == 0:
            raise KilledError

    async with Store.open(url) as store:
        event.listen(store.engine.sync_engine, "after_cursor_execute", count)
        try:
            await migrate(store.engine, lambda step: None)
        except KilledError:
            return False
    return True


async def test_upgrade_that_is_interrupted_after_any_statement_can_be_repeated(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        async with store.engine.connect() as connection:
            assert await connection.run_sync(stored_revision) is None
        statements, revision = 1, None
        # SQLite undoes the whole upgrade, so each attempt starts again from nothing: every tenth statement is enough.
        step = 10 if store.engine.dialect.name == "sqlite" else 1
        while not await migrate_until(every_database_url, statements):
            async with store.engine.connect() as connection:
                before, revision = revision, await connection.run_sync(stored_revision)
            # Some migrations start again, so they need more statements in each attempt.
            statements = 1 if revision != before else statements + step
        async with store.engine.begin() as connection:
            migrated = await connection.run_sync(definitions)
            await connection.run_sync(metadata.drop_all)
            await connection.run_sync(metadata.create_all)
            described = await connection.run_sync(definitions)
    assert migrated == described | {"alembic_version": migrated["alembic_version"]}


async def test_existing_comments_get_correct_values(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        await migrate(store.engine, lambda step: None, to="0002")
        async with store.engine.begin() as connection:
            for statement in BEFORE_REVIEWS:
                await connection.execute(text(statement))
        await migrate(store.engine, lambda step: None)
        async with store.reading() as connection:
            rows = (await connection.execute(select(predictions).order_by(predictions.c.model_number))).all()
            comment = (await connection.execute(select(comments))).one()
    assert [(row.reviewed, row.distance) for row in rows] == [(False, pytest.approx(0.4)), (False, pytest.approx(0.15))]
    assert (comment.review_label, comment.audit_rank) == (None, None)
    assert comment.folded_digest == folded_digest("x")
    assert {row.folded_digest for row in rows} == {comment.folded_digest}


ACCOUNTS_BEFORE = [
    ("an admin", "admin", "active"),
    ("a reviewer who was an admin", "reviewer", "active"),
    ("a user who was a reviewer", "user", "active"),
    ("disabled", "admin", "disabled"),
]


def _accounts_before() -> Iterator[str]:
    """Yield statements that insert accounts with a token of each role, and a session."""
    for number, (name, role, state) in enumerate(ACCOUNTS_BEFORE, 1):
        yield (
            "INSERT INTO users (number, name, name_folded, password_hash, role, state, created_at, password_changed_at)"
            f" VALUES ({number}, '{name}', '{name}', 'hash', '{role}', '{state}', {TIME}, {TIME})"
        )
        for kind in ("user", "reviewer", "admin"):
            yield (
                "INSERT INTO api_tokens (digest, user_number, name, role, created_at)"
                f" VALUES ('{number} {kind}', {number}, '{name}', '{kind}', {TIME})"
            )
    yield (
        "INSERT INTO sessions (digest, user_number, created_at, seen_at, expires_at)"
        f" VALUES ('a session', 1, {TIME}, {TIME}, {TIME})"
    )


async def test_tokens_above_the_accounts_role_are_revoked_and_sessions_unconfirmed(
    every_database_url: str,
) -> None:
    async with Store.open(every_database_url) as store:
        await migrate(store.engine, lambda step: None, to="0005")
        async with store.engine.begin() as connection:
            for statement in _accounts_before():
                await connection.execute(text(statement))
        await migrate(store.engine, lambda step: None)
        async with store.reading() as connection:
            query = select(api_tokens.c.user_number, api_tokens.c.role).where(api_tokens.c.revoked_at.is_(None))
            left = (await connection.execute(query.order_by(api_tokens.c.number))).all()
            confirmed = (await connection.execute(select(sessions.c.confirmed_at))).scalars().all()
    assert [tuple(row) for row in left] == [
        (1, "user"),
        (1, "reviewer"),
        (1, "admin"),
        (2, "user"),
        (2, "reviewer"),
        (3, "user"),
    ]
    assert confirmed == [None]


async def _reviewed_comments(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(*(arrival(str(n), uncertain=n in (1, 4)) for n in range(6)))
    await feed.send(arrival("6", label=Label.NEGATIVE, probability=0.1), arrival("7", platform="desk"))
    await feed.send(*(arrival(f"{n}", created=n * DAYS, label=Label.NEGATIVE, uncertain=True) for n in range(8, 12)))
    opinions = [("0", 0, "negative"), ("1", 0, "positive"), ("6", 0, "spam"), ("9", 9 * DAYS, "unclear")]
    for id, created, label in opinions:
        opinion = Opinion("forum", id, microseconds(minutes(created)), ShownLabel(label))
        await add_review(store, Actor(7, "小李", "session", None), opinion)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_sums_are_filled_from_what_is_there(every_database_url: str, interrupted: bool) -> None:
    columns = [*count_sums.primary_key, *(count_sums.c[name] for name in _migration("0005_count_sums").NAMES)]

    async def sums(store: Store) -> list[tuple[object, ...]]:
        async with store.reading() as connection:
            return [tuple(row) for row in await connection.execute(select(*columns).order_by(*columns[:4]))]

    async with await ready_store(every_database_url) as store:
        await _reviewed_comments(store)
        kept = await sums(store)
        async with store.engine.begin() as connection:
            remaining = "DELETE FROM count_sums WHERE bucket = 'day'" if interrupted else "DROP TABLE count_sums"
            await connection.execute(text(remaining))
            await connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
        # Later migrations have already been applied.
        await migrate(store.engine, lambda step: None, to="0005")
        assert await sums(store) == kept
    assert len(kept) == 17


async def test_uncertain_comments_without_a_review_are_counted(every_database_url: str) -> None:
    step = _migration("0010_review_settings")
    async with await ready_store(every_database_url) as store:
        await _reviewed_comments(store)
        kept = (await read_contents(store)).sums
        async with store.engine.begin() as connection:
            # As an upgrade leaves it that stops before it fills the columns.
            await connection.execute(update(count_sums).values(uncertain_positive=0, uncertain_negative=0))
            await connection.execute(text("ALTER TABLE users DROP COLUMN quick_reasons"))
            earlier = text("UPDATE alembic_version SET version_num = :number")
            await connection.execute(earlier, {"number": step.down_revision})
        await migrate(store.engine, lambda step: None, to=step.revision)
        assert (await read_contents(store)).sums == kept
        assert await store.read(recount_sums) == []
    assert sum(sums[-2] for sums in kept.values()) == 3
    assert sum(sums[-1] for sums in kept.values()) == 9


async def test_comments_are_counted(every_database_url: str) -> None:
    step = _migration("0012_comment_counts")
    async with await ready_store(every_database_url) as store:
        await _reviewed_comments(store)
        await (await feed_of(store)).send(tombstone("3", at=1))
        kept = (await read_contents(store)).stored
        async with store.engine.begin() as connection:
            # As an upgrade leaves it that stops in the middle.
            await connection.execute(update(comment_counts).values(n=7))
            await connection.execute(delete(comment_counts).where(comment_counts.c.bucket == "day"))
            earlier = text("UPDATE alembic_version SET version_num = :number")
            await connection.execute(earlier, {"number": step.down_revision})
        await migrate(store.engine, lambda step: None, to=step.revision)
        assert (await read_contents(store)).stored == kept
        assert await store.read(recount_comments) == []
        async with store.engine.begin() as connection:
            await connection.execute(text("DROP TABLE comment_counts"))
            await connection.execute(earlier, {"number": step.down_revision})
        await migrate(store.engine, lambda step: None, to=step.revision)
        assert (await read_contents(store)).stored == kept
    assert sum(n for (bucket, platform, _), n in kept.items() if not platform) == 11
    assert sum(n for (bucket, *_), n in kept.items() if bucket == "day") == 11


def _migration(name: str) -> ModuleType:
    return import_module(f"migrations.versions.{name}")


OPINIONS_BEFORE = (
    "INSERT INTO comments (number, platform, id, text, version, created_at, stored_at, changed_at, claimed_by, "
    "review_number, review_label, audit_rank) VALUES "
    + ", ".join(
        f"({number}, 'forum', '{number}', 'x', 1, {TIME}, {TIME}, {TIME}, 1, {review}, '{label}', 5)"
        for number, review, label in ((1, 2, "negative"), (2, 4, "spam"), (3, 7, "positive"))
    ),
    "INSERT INTO reviews (number, comment_number, comment_version, text, label, reviewer, reviewer_number, "
    "reviewed_at, replaces, withdraws) VALUES "
    + ", ".join(
        f"({number}, {comment}, 1, 'x', '{label}', 'r', {reviewer}, {TIME}, {replaces}, {withdraws})"
        for number, comment, label, reviewer, replaces, withdraws in (
            (1, 1, "positive", 7, "NULL", "NULL"),
            (2, 1, "negative", 8, 1, "NULL"),
            (3, 2, "spam", 8, "NULL", "NULL"),
            (4, 2, "spam", 7, 3, "NULL"),
            (5, 3, "positive", 7, "NULL", "NULL"),
            (6, 3, "negative", 8, 5, "NULL"),
            (7, 3, "negative", 8, "NULL", 6),
        )
    ),
    "UPDATE comments SET review_number = 5 WHERE number = 3",
)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_disagreements_that_are_there_are_found(every_database_url: str, interrupted: bool) -> None:
    async with Store.open(every_database_url) as store:
        await migrate(store.engine, lambda step: None, to="0007")
        async with store.engine.begin() as connection:
            for statement in OPINIONS_BEFORE:
                await connection.execute(text(statement))
        if interrupted:
            await _stop_before_the_revision_is_stored(store)
        await migrate(store.engine, lambda step: None)
        async with store.reading() as connection:
            found = [
                [tuple(row) for row in await connection.execute(select(table))]
                for table in (disputes, agreement_pairs, agreement_patterns)
            ]
            blind = (await connection.execute(select(comments.c.blind_label))).scalars().all()
    assert found[0] == [(1, 2)]
    assert sorted(found[1]) == [(7, 8, "positive", "negative", 1), (7, 8, "spam", "spam", 1)]
    assert sorted(found[2]) == [(0, 0, 0, 2, 1), (1, 1, 0, 0, 1)]
    # The sample is audited again: nobody has decided it blindly.
    assert blind == [None, None, None]


async def _stop_before_the_revision_is_stored(store: Store) -> None:
    """Leave what an upgrade to 0009 leaves on a server if it is killed: a part of its tables, columns and rows."""
    await migrate(store.engine, lambda step: None, to="0009")
    async with store.engine.begin() as connection:
        for statement in (
            "DROP TABLE agreement_patterns",
            "ALTER TABLE review_claims DROP COLUMN blind",
            "UPDATE alembic_version SET version_num = '0008'",
        ):
            await connection.execute(text(statement))


MANY = 50_000
MANY_COMMENTS = (
    "SET SESSION cte_max_recursion_depth = 100000",
    "SET SESSION max_recursive_iterations = 100000",
    "INSERT INTO comments (platform, id, text, version, created_at, stored_at, changed_at, claimed_by) "
    f"WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {MANY + 2}) "
    f"SELECT 'forum', n, n, 1, {TIME}, {TIME}, {TIME}, 1 FROM up",
)


def _many_comments(kind: str) -> Iterator[str]:
    depth, iterations, insertion = MANY_COMMENTS
    yield from {"mysql": [depth], "mariadb": [iterations], "sqlite": []}[kind]
    yield insertion


async def test_digests_are_filled_from_where_an_upgrade_stopped(
    every_database_url: str, request: pytest.FixtureRequest
) -> None:
    async with Store.open(every_database_url, lock_wait_seconds=60) as store:
        await migrate(store.engine, lambda step: None, to="0007")
        async with store.engine.begin() as connection:
            for statement in _many_comments(request.node.callspec.params["every_database_url"]):
                await connection.execute(text(statement))
            # An upgrade was interrupted after the first chunk.
            await connection.execute(text("ALTER TABLE comments ADD COLUMN folded_digest BIGINT"))
            await connection.execute(text("UPDATE comments SET folded_digest = 5 WHERE id IN ('1', '2')"))
        steps: list[str] = []
        assert await migrate(store.engine, steps.append, to="0008") == 1
        async with store.reading() as connection:
            found = (await connection.execute(select(comments.c.text, comments.c.folded_digest))).all()
    assert steps == [
        "0008: digests of 50,000 comments are stored",
        "0008: Identical texts are found by a digest and decided together.",
    ]
    assert {row.text: row.folded_digest for row in found} == {
        str(n): 5 if n <= 2 else folded_digest(str(n)) for n in range(1, MANY + 3)
    }


async def test_migrations_are_reported_once(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        steps: list[str] = []
        assert await migrate(store.engine, steps.append) == len(steps) > 0
        assert steps[0] == "0001: Create the first tables."
        assert await migrate(store.engine, steps.append) == 0


@pytest.mark.programs
async def test_concurrent_processes_migrate_once(every_database_url: str) -> None:
    program = "from liuyan.cli import main; main()"
    environment = {"LIUYAN_DATABASE_URL": every_database_url, "PATH": "/usr/bin:/bin"}
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, "store", "migrate"), env=environment, stdout=PIPE, stderr=PIPE
        )
        for _ in range(3)
    ]
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    last_lines = sorted(standard_output.decode().splitlines()[-1] for standard_output, _ in outputs)
    assert last_lines == ["The tables are up to date."] + ["The tables were already up to date."] * 2


async def test_an_empty_database_is_reported_with_the_command(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        with pytest.raises(MigrationsPendingError, match="Run `liuyan store migrate`"):
            await store.check_ready(ERASURE_KEY)


async def _set_revisions(store: Store, tables: str, oldest: str) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": tables})
        await connection.execute(update(compatibility).values(oldest_revision=oldest))


async def test_tables_of_a_later_version_are_used_unless_it_excludes_this_program(store: Store) -> None:
    newest = newest_revision()
    async with store.reading() as connection:
        oldest = (await connection.execute(select(compatibility.c.oldest_revision))).scalar_one()
    assert oldest == "0022"
    try:
        for excluded in (False, True):
            await _set_revisions(store, "9999", "9998" if excluded else oldest)
            for check in (lambda: store.check_ready(ERASURE_KEY), lambda: migrate(store.engine, print)):
                if excluded:
                    with pytest.raises(MigrationsPendingError, match="needs programs from revision 9998 on"):
                        await check()
                else:
                    assert not await check()
    finally:
        await _set_revisions(store, newest, oldest)
    await store.check_ready(ERASURE_KEY)


async def test_a_changed_erasure_key_is_refused(store: Store) -> None:
    await store.check_ready(ERASURE_KEY)
    await store.check_ready()
    with pytest.raises(ErasureKeyError, match="LIUYAN_ERASURE_KEY"):
        await store.check_ready(b"another key of some length")
