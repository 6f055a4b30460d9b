"""`liuyan store`: its output, and one clear line for every error."""

import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy import make_url, text, update

from store.check import (
    CommentCountDifference,
    CountDifference,
    SumDifference,
    recount,
    recount_comments,
    recount_sums,
)
from store.engine import open_engine
from store.errors import StoreError
from store.migrate import newest_revision
from store.store import Store
from store.tables import comment_counts, count_sums, hourly_counts
from tests.conftest import RunLiuyan
from tests.store.conftest import ready_store
from tests.store.feed import arrival, dead_letter, feed_of, tombstone

pytestmark = pytest.mark.programs


@pytest.fixture
def liuyan(run_liuyan: RunLiuyan) -> RunLiuyan:
    """Return a function that runs `liuyan store ARGUMENTS` on the database at a URL."""

    def run(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run_liuyan("store", *arguments, LIUYAN_DATABASE_URL=url)

    return run


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the single line on standard error of a failed command."""
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_migrate_then_status_then_check(liuyan: RunLiuyan, every_database_url: str) -> None:
    assert "Run `liuyan store migrate`" in one_line(liuyan(every_database_url, "status"))
    migrated = liuyan(every_database_url, "migrate").stdout.splitlines()
    assert (migrated[0], migrated[-1]) == ("applied 0001: Create the first tables.", "The tables are up to date.")
    assert liuyan(every_database_url, "migrate").stdout == "The tables were already up to date.\n"
    status = liuyan(every_database_url, "status").stdout
    assert f"revision    {newest_revision()} (up to date)" in status
    assert "no active model yet" in status
    checked = liuyan(every_database_url, "check")
    assert (checked.returncode, checked.stdout) == (0, "The counts are correct.\n")
    assert liuyan(every_database_url, "record-backup").stdout == "Recorded the backup.\n"


async def test_check_reports_wrong_counts(liuyan: RunLiuyan, every_migrated_url: str) -> None:
    async with await ready_store(every_migrated_url) as store:
        feed = await feed_of(store)
        await feed.send(arrival("1"), arrival("2", uncertain=True), tombstone("3"), dead_letter(3))
        assert await store.read(recount) == []
        async with store.writing() as session:
            certain = hourly_counts.c.uncertain.is_(False)
            await session.connection.execute(update(hourly_counts).where(certain).values(n=5))
            await session.connection.execute(
                hourly_counts.insert().values(
                    model_number=99, platform="ghost", hour=feed.model.registered_at, label="negative", uncertain=0, n=0
                )
            )
            await session.connection.execute(update(count_sums).where(count_sums.c.bucket == "day").values(spam=3))
            everywhere = comment_counts.c.platform == ""
            await session.connection.execute(update(comment_counts).where(everywhere).values(n=7))
        differences = await store.read(recount)
        sums = await store.read(recount_sums)
        stored = await store.read(recount_comments)
    assert stored == [CommentCountDifference("", "hour", "2026-01-31 22", 7, 2)]
    assert sums == [SumDifference(feed.model.number, "forum", "day", "2026-01-31 00", "spam", 3, 0)]
    assert differences[0] == CountDifference(feed.model.number, "forum", "2026-01-31 22", "positive", False, 5, 1)
    assert [(found.platform, found.stored, found.counted) for found in differences[1:]] == [("ghost", 0, 0)]
    result = liuyan(every_migrated_url, "check")
    assert result.returncode == 1
    assert "forum 2026-01-31 22:00 positive certain: 5 stored, 1 counted" in result.stdout
    assert "forum day of 2026-01-31 00:00 spam: 3 stored, 0 counted" in result.stdout
    assert "comments all platforms hour of 2026-01-31 22:00: 7 stored, 2 counted" in result.stdout
    assert "1 comment counts differ from the rows." in result.stdout


@pytest.mark.parametrize("command", ["migrate", "status", "check"])
def test_an_unreachable_server_is_reported_in_one_line(liuyan: RunLiuyan, command: str) -> None:
    line = one_line(liuyan("mysql+aiomysql://root:secret@127.0.0.1:1/liuyan", command))
    assert "No database answers at 127.0.0.1:1" in line
    assert "secret" not in line


async def test_wrong_password_database_and_privileges_are_reported_in_one_line(
    liuyan: RunLiuyan, database_url: str
) -> None:
    url = make_url(database_url)
    async with Store.open(database_url) as store, store.engine.begin() as connection:
        user = f"u{str(url.database)[-8:]}"
        await connection.execute(text(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'right'"))
        await connection.execute(text(f"GRANT SELECT ON `{url.database}`.* TO '{user}'@'%'"))
    known = url.set(username=user, password="right")
    cases = {
        "refuses the user": known.set(password="wrong"),
        "There is no database absent": url.set(database="absent"),
        "has no access to the database mysql": known.set(database="mysql"),
        "lacks a privilege": known,
    }
    try:
        for sentence, wrong in cases.items():
            line = one_line(liuyan(wrong.render_as_string(hide_password=False), "migrate"))
            assert sentence in line
            assert "right@" not in line
    finally:
        async with Store.open(database_url) as store, store.engine.begin() as connection:
            await connection.execute(text(f"DROP USER '{user}'@'%'"))


def test_a_missing_folder_and_an_invalid_file_are_reported(liuyan: RunLiuyan, tmp_path: Path) -> None:
    assert "folder must exist" in one_line(liuyan(f"sqlite+aiosqlite:///{tmp_path}/absent/liuyan.db", "migrate"))
    (tmp_path / "text.db").write_text("not a database, " * 100)
    assert "is not an SQLite database" in one_line(liuyan(f"sqlite+aiosqlite:///{tmp_path}/text.db", "migrate"))


@pytest.mark.parametrize("url", ["postgresql://localhost/liuyan", "not a url", "mysql+pymysql://h/d"])
def test_an_unsupported_url_is_reported_in_one_line(liuyan: RunLiuyan, url: str) -> None:
    assert "Invalid LIUYAN_DATABASE_URL" in one_line(liuyan(url, "status"))


@pytest.mark.parametrize(
    "url",
    [
        "mysql+aiomysql://liuyan:SECRET@SECRET@db.example/liuyan",
        "mysql+aiomysql://liuyan:pass/SECRET@SECRET@db.example:3306/liuyan",
        "mysql+aiomysql://liuyan:pass@SECRET/SECRET@db.example:3306/liuyan",
        "mysql+aiomysql://liuyan:pass@SECRET?SECRET@db.example/liuyan",
        "mysql+aiomysql://liuyan:pass@SECRET#SECRET@db.example/liuyan",
        "mysql+aiomysql://liuyan:pass@SECRET:SECRET@db.example/liuyan",
        "mysql+aiomysql://li/uyan:SECRET@db.example/liuyan",
        "mysql+aiomysql://db.example/liuyan?passwd=SECRET",
        "mysql+aiomysql://db.example/liuyan?charset=SECRET&charset=SECRET",
        "mysql+aiomysql://SECRET",
        "sqlite+aiosqlite:///liuyan.db?SECRET=SECRET",
        "sqlite+aiosqlite://SECRET/liuyan.db",
    ],
)
def test_errors_about_a_url_quote_nothing_of_it(url: str) -> None:
    with pytest.raises(StoreError) as raised:
        open_engine(url, 1)
    sentence = str(raised.value)
    assert "LIUYAN_DATABASE_URL" in sentence
    assert "SECRET" not in sentence


@pytest.mark.parametrize("password", ["a/b", "a:b", "a?b", "a#b", "a%40b%2F", "密码"])
def test_a_password_may_contain_special_characters(password: str) -> None:
    engine = open_engine(f"mysql+aiomysql://liuyan:{password}@db.example:3306/liuyan?charset=utf8mb4", 1)
    assert (engine.url.host, engine.url.database, engine.url.password) == ("db.example", "liuyan", unquote(password))


def test_help_lists_every_command(liuyan: RunLiuyan) -> None:
    result = liuyan("", "--help")
    assert all(command in result.stdout for command in ("migrate", "status", "check"))
