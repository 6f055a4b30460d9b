"""A backup is one snapshot that can be restored; a damaged one is refused before anything changes."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from local_stack.database_clients import install_clients
from store.admin_tables import api_tokens, sessions, users
from store.audit import Actor
from store.backup import COMPLETE
from store.backup_file import BackupError, verify_backup
from store.backup_record import last_backup
from store.check import recount, recount_comments, recount_sums
from store.comments import ShownLabel
from store.database_clients import DUMP, MARIADB, MYSQL, find_program, without_definer
from store.restore import lost_actions
from store.reviews import Opinion, add_review
from store.store import Store
from tests.conftest import MAIN, RunLiuyan
from tests.store.conftest import ready_store
from tests.store.feed import arrival, dead_letter, feed_of, microseconds, minutes, tombstone
from tests.store.tables_read import read_contents

pytestmark = pytest.mark.programs
LI = Actor(7, "小李", "session", None)


@pytest.fixture
def liuyan(clients: Path, run_liuyan: RunLiuyan) -> RunLiuyan:
    """Return a function that runs `liuyan store ARGUMENTS` on the database at a URL."""

    def run(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run_liuyan("store", *arguments, LIUYAN_DATABASE_URL=url, PATH=f"{clients}:/usr/bin:/bin")

    return run


@pytest.fixture
def image_clients(tmp_path: Path) -> Path:
    """Return a folder with the programs of the image's target `backup`: MariaDB's, under MySQL's names too."""
    folder = tmp_path / "programs"
    folder.mkdir()
    install_clients(MARIADB, folder)
    (folder / "mysqldump").symlink_to("mariadb-dump")
    (folder / "mysql").symlink_to("mariadb")
    return folder


@pytest.fixture
def empty_url(_new_database: Callable[[str], str]) -> str:
    """The URL of a second, empty database on the main server."""
    return _new_database(MAIN)


async def review(store: Store, id: str) -> None:
    await add_review(store, LI, Opinion("forum", id, microseconds(minutes(0)), ShownLabel.NEGATIVE))


async def sign_in(store: Store) -> None:
    """Create an account with a session and a token."""
    now = datetime.now(UTC)
    async with store.writing() as session:
        await session.connection.execute(
            users.insert().values(
                number=7,
                name="小李",
                name_folded="小李",
                password_hash="-",
                role="admin",
                state="active",
                created_at=now,
                password_changed_at=now,
            )
        )
        times = {"created_at": now, "expires_at": now + timedelta(days=1)}
        digest = func.from_base64("A" * 43 + "=")
        await session.connection.execute(sessions.insert().values(digest=digest, user_number=7, seen_at=now, **times))
        await session.connection.execute(
            api_tokens.insert().values(digest=digest, user_number=7, name="t", role="admin", **times)
        )


async def test_a_backup_restores_every_row(every_migrated_url: str, liuyan: RunLiuyan, tmp_path: Path) -> None:
    file = tmp_path / "day.backup"
    async with await ready_store(every_migrated_url) as store:
        feed = await feed_of(store)
        odd = "引号 ' \" 反斜杠 \\ 换行\n/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */\n👍\x01"
        await feed.send(arrival("1"), arrival("2", odd), arrival("3"), tombstone("4"), dead_letter(4, b"\x00\xff"))
        await review(store, "1")
        await sign_in(store)
        saved = await read_contents(store)
        done = liuyan(every_migrated_url, "backup", str(file))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert file.stat().st_mode & 0o777 == 0o600
        recorded = await store.read(last_backup)
        assert recorded is not None
        assert datetime.now(UTC) - recorded < timedelta(minutes=1)
        assert "exists" in liuyan(every_migrated_url, "backup", str(file)).stderr
        await feed.send(arrival("5"))
        await review(store, "5")
        await review(store, "2")
    refused = liuyan(every_migrated_url, "restore", str(file))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "is not empty" in refused.stderr
    done = liuyan(every_migrated_url, "restore", str(file), "--replace")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 comments, 1 reviews" in done.stdout
    assert "2 reviews in the replaced database were newer and are lost." in done.stdout
    async with await ready_store(every_migrated_url) as store:
        assert await read_contents(store) == saved
        for counted in (recount, recount_sums, recount_comments):
            assert await store.read(counted) == []
        async with store.reading() as connection:
            views = await connection.execute(text("SELECT comments FROM dashboard_hours"))
            assert sum(views.scalars()) == 3
            assert (await connection.execute(select(func.count()).select_from(sessions))).scalar_one() == 0
            query = select(func.count()).where(api_tokens.c.revoked_at.is_(None))
            assert (await connection.execute(query)).scalar_one() == 0
        # The restored database accepts the next batch at the stored offset.
        await (await feed_of(store)).send(arrival("5"))


async def test_a_backup_restores_into_an_empty_database_and_can_keep_sessions(
    migrated_url: str,
    empty_url: str,
    liuyan: RunLiuyan,
    tmp_path: Path,
) -> None:
    file = tmp_path / "day.backup"
    async with await ready_store(migrated_url) as store:
        await (await feed_of(store)).send(arrival("1"))
        await sign_in(store)
    assert liuyan(migrated_url, "backup", str(file)).returncode == 0
    content = gzip.decompress(file.read_bytes())
    assert b"DEFINER=" not in content
    assert content.index(COMPLETE) > content.index(b"dashboard_hours")
    done = liuyan(empty_url, "restore", str(file), "--keep-sessions")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Reviews made after that time are lost." in done.stdout
    async with Store.open(empty_url) as store:
        await store.check_ready()
        async with store.reading() as connection:
            assert (await connection.execute(select(func.count()).select_from(sessions))).scalar_one() == 1
    # Another kind of database is refused, before anything is replaced.
    other = liuyan(f"sqlite+aiosqlite:///{tmp_path}/other.db", "restore", str(file))
    assert "cannot be restored into sqlite" in other.stderr


async def test_the_image_backs_up_and_restores_the_database(
    migrated_url: str, empty_url: str, image_clients: Path, tmp_path: Path
) -> None:
    """Docker Compose and the chart use MariaDB's programs with MySQL."""

    def run(url: str, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "liuyan", "store", *arguments, str(tmp_path / "day.backup")],
            env={"LIUYAN_DATABASE_URL": url, "PATH": str(image_clients), "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    async with await ready_store(migrated_url) as store:
        feed = await feed_of(store)
        await feed.send(arrival("1", "引号 ' \" 反斜杠 \\ 换行\n👍"), arrival("2"), dead_letter(2, b"\x00\xff"))
        await review(store, "1")
        saved = await read_contents(store)
        run(migrated_url, "backup", "--by", "backup")
    run(empty_url, "restore")
    async with Store.open(empty_url) as store:
        await store.check_ready()
        assert await read_contents(store) == saved


@pytest.mark.parametrize("damage", ["cut", "changed", "other", "cut_text"])
def test_a_damaged_backup_is_refused(damage: str, liuyan: RunLiuyan, tmp_path: Path) -> None:
    url, file = f"sqlite+aiosqlite:///{tmp_path}/a.db", tmp_path / "a.backup"
    assert liuyan(url, "migrate").returncode == 0
    assert liuyan(url, "backup", str(file)).returncode == 0
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[:-2_000]
    elif damage == "changed":
        content[len(content) // 2] ^= 1
    elif damage == "other":
        content = bytearray(gzip.compress(b"not a backup"))
    else:
        content = bytearray(gzip.compress(gzip.decompress(bytes(content))[:-50]))
    file.write_bytes(content)
    done = liuyan(url, "restore", str(file), "--replace")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "damaged" in line or "is not a backup" in line
    assert liuyan(url, "status").returncode == 0
    with pytest.raises(BackupError):
        verify_backup(file, lambda done, total: None)


def test_a_failing_dump_leaves_no_file(database_url: str, liuyan: RunLiuyan, tmp_path: Path, clients: Path) -> None:
    assert liuyan(database_url, "migrate").returncode == 0
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("mysqldump", "mariadb-dump"):
        script = programs / name
        script.write_text("#!/bin/sh\necho half\necho 'Error 2013: Lost connection' >&2\nexit 3\n")
        script.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "liuyan", "store", "backup", "x.backup"],
        env={"LIUYAN_DATABASE_URL": database_url, "PATH": f"{programs}:/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "liuyan: The backup failed (Error 2013: Lost connection).\n"
    assert not list(tmp_path.glob("x.backup*"))


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="mysqldump is not installed"):
        find_program(DUMP[MYSQL], MYSQL)
    # Debian's name for MariaDB's program.
    program = tmp_path / "mariadb-dump"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "mysqldump").symlink_to(program)
    assert find_program(DUMP[MYSQL], MYSQL).kind == MARIADB


def test_only_whole_lines_lose_their_definer() -> None:
    line = b"/*!50013 DEFINER=`liuyan`@`localhost` SQL SECURITY DEFINER */\n"
    assert without_definer(line) == b"/*!50013 SQL SECURITY DEFINER */\n"
    data = b"INSERT INTO `t` VALUES ('/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */');\n"
    assert without_definer(data) == data


def test_lost_reviews_are_counted_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    lines = [
        '{"event": "audit", "number": 3, "action": "review.add"}',
        '{"event": "audit", "number": 4, "action": "review.add"}',
        '{"event": "audit", "number": 4, "action": "review.add"}',
        '{"event": "audit", "number": 5, "action": "user.add"}',
        '{"event": "audit", "number": 6, "action": "review.undo"}',
        "not JSON",
        "[1]",
    ]
    log.write_text("\n".join(lines))
    assert lost_actions(log, 3) == 2
