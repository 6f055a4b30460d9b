"""`liuyan api create-admin`: create the first account, or report in one sentence why not."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.accounts import find_credentials
from store.audit import AuditFilter, list_records
from store.migrate import migrate
from store.store import Store

pytestmark = [pytest.mark.timeout(60), pytest.mark.programs]
PASSWORD = "七月 木头 飞机 牛奶糖"


def create_admin(url: str, folder: Path, name: str, password: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with the password on standard input."""
    foreign = {key: value for key, value in os.environ.items() if not key.startswith("LIUYAN_")}
    return subprocess.run(
        [sys.executable, "-m", "liuyan", "api", "create-admin", "--password-stdin", name],
        env={**foreign, "LIUYAN_DATABASE_URL": url},
        cwd=folder,
        input=f"{password}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def migrated_url(sqlite_url: str) -> str:
    async def make() -> None:
        async with Store.open(sqlite_url) as store:
            await migrate(store.engine, lambda step: None)

    asyncio.run(make())
    return sqlite_url


def test_it_creates_an_admin_and_names_the_next_step(migrated_url: str, tmp_path: Path) -> None:
    done = create_admin(migrated_url, tmp_path, "小管", PASSWORD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Created the admin 小管. Run `liuyan api serve` and sign in at /admin.\n"

    async def check() -> None:
        async with Store.open(migrated_url) as store, store.reading() as connection:
            found = await find_credentials(connection, "小管")
            assert found is not None
            assert (found[0].role, found[0].state, found[0].must_change_password) == ("admin", "active", False)
            assert found[1].startswith("$argon2id$")
            [record] = (await list_records(connection, AuditFilter(), None, 10)).items
            assert (record.action, record.via, record.detail) == (
                "user.create",
                "command",
                {"name": "小管", "role": "admin"},
            )

    asyncio.run(check())
    again = create_admin(migrated_url, tmp_path, "小管", PASSWORD)
    assert again.returncode == 1
    assert again.stderr == "liuyan: An account named '小管' already exists. Choose another name.\n"


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("小管", "kurz", "The password is too short"),
        ("小管", "password12345", "This password is too common"),
        ("xiaoguan", "I am xiaoguan today", "The password contains your name"),
        ("x", PASSWORD, "A name has 2 to 64"),
    ],
)
def test_invalid_input_is_rejected_in_one_sentence(
    migrated_url: str, tmp_path: Path, name: str, password: str, sentence: str
) -> None:
    done = create_admin(migrated_url, tmp_path, name, password)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"liuyan: {sentence}")
    assert password not in line


def test_without_a_terminal_the_error_names_the_option(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "liuyan", "api", "create-admin", "boss"],
        cwd=tmp_path,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    sentence = "liuyan: Cannot ask for a password without a terminal: use --password-stdin.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


def test_missing_tables_are_reported(sqlite_url: str, tmp_path: Path) -> None:
    done = create_admin(sqlite_url, tmp_path, "小管", PASSWORD)
    assert done.returncode == 1
    assert "`liuyan store migrate`" in done.stderr
