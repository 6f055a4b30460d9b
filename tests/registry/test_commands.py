"""`liuyan model register`, `list`, `show`, `export`, `retire`, `promote` and `rollback`, as users run them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from model.artifact import FILES, SUMS, is_artifact
from store.audit import AuditFilter, list_records
from store.models import read_active
from store.store import Store
from tests.conftest import RunLiuyan
from tests.registry.artifacts import write_model
from tests.store.feed import Feed, arrival, feed_of

pytestmark = pytest.mark.programs


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIUYAN_")}
    return {**kept, "LIUYAN_DATABASE_URL": url}


@pytest.fixture
def liuyan(run_liuyan: RunLiuyan) -> RunLiuyan:
    """Return a function that runs `liuyan model ARGUMENTS` on the database at a URL."""

    def run(url: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return run_liuyan("model", *arguments, LIUYAN_DATABASE_URL=url)

    return run


def on_terminal(url: str, answer: str, *arguments: object) -> tuple[int, str]:
    """Run a command with a terminal as standard input that answers a question."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "liuyan", "model", *map(str, arguments)]
    with subprocess.Popen(
        command, env=environment(url), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        output, _ = process.communicate(timeout=120)
        status = process.returncode
    os.close(ours)
    os.close(theirs)
    return status, output


def refused(done: "subprocess.CompletedProcess[str]", status: int, sentence: str) -> None:
    """Check that a command failed with one line, besides what it reported before."""
    assert done.returncode == status
    last = done.stderr.splitlines()[-1]
    assert last.startswith("liuyan: ")
    assert sentence in last
    assert "Traceback" not in done.stderr


@pytest_asyncio.fixture
async def first(server_store: Store) -> Feed:
    """A feed of an active model with four comments."""
    feed = await feed_of(server_store)
    await feed.send(*(arrival(str(n)) for n in range(4)))
    return feed


async def test_the_whole_life_of_a_model(
    liuyan: RunLiuyan, first: Feed, server_url: str, server_store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    sha256 = write_model(folder, 1)
    done = liuyan(server_url, "register", folder, "--name", "autumn", "--by", "wang")
    number = first.model.number + 1
    assert done.stdout == f"Model {number} (autumn, {sha256[:12]}) is registered.\n"
    again = liuyan(server_url, "register", folder)
    assert again.stdout == f"Model {number} (autumn, {sha256[:12]}) was already registered.\n"
    new = await feed_of(server_store, sha256)
    await new.send(arrival("4"))
    await new.send(*(arrival(str(n)) for n in range(3)))

    rows = [line.split("\t") for line in liuyan(server_url, "list").stdout.splitlines()[1:]]
    assert [row[1:6] for row in rows] == [
        ["", "autumn", sha256[:12], "80.00%", "1"],
        ["active", "model a", "a" * 12, "80.00%", "1"],
    ]
    listed = [json.loads(line) for line in liuyan(server_url, "list", "--json").stdout.splitlines()]
    assert [(one["number"], one["labelled"], one["comments"], one["registered"]) for one in listed] == [
        (number, 4, 5, True),
        (first.model.number, 4, 5, False),
    ]
    shown = liuyan(server_url, "show", sha256[:8]).stdout
    assert "coverage  80.00%: 4 of 5 comments, 1 missing\n" in shown
    assert "2026-01\t80.00%\t4\t1\n" in shown
    assert "# model-1" in shown
    as_json = json.loads(liuyan(server_url, "show", str(number), "--json").stdout)
    assert as_json["coverage"]["months"] == {"2026-01": {"comments": 5, "labelled": 4}}
    assert (as_json["metrics"], as_json["card"]) == ({"accuracy": 0.5}, "# model-1\n")

    refused(liuyan(server_url, "promote", number), 2, f"Model {number} has not labelled 1 comments. Replay it first")
    refused(liuyan(server_url, "promote", number, "--yes"), 2, "or add --incomplete")
    refused(liuyan(server_url, "promote", number, "--incomplete"), 2, "Confirm with --yes")
    status, output = on_terminal(server_url, "n", "promote", number)
    assert status == 1
    assert "although it has not labelled all comments?" in output
    assert output.rstrip().endswith("liuyan: Nothing changed.")
    assert await server_store.read(read_active) == first.model
    status, output = on_terminal(server_url, "y", "promote", number)
    assert status == 0
    assert output.endswith(f"Model {number} (autumn, {sha256[:12]}) is active.\n")
    assert "coverage   80.00% of 5 comments" in output
    assert "flips      0 of the newest 3 comments" in output
    assert "missing    1 comments keep the label of another model" in output
    assert liuyan(server_url, "promote", number).stdout == f"Model {number} (autumn, {sha256[:12]}) is active.\n"

    refused(liuyan(server_url, "retire", number), 1, f"Model {number} is active. Promote another model first.")
    refused(liuyan(server_url, "rollback"), 2, "Confirm with --yes")
    refused(liuyan(server_url, "rollback", "--yes"), 1, f"artifact of model {first.model.number} (model a) is not in")

    target = tmp_path / "exported"
    assert str(target) in liuyan(server_url, "export", number, target).stdout
    assert is_artifact(target, sha256)
    assert sorted(path.name for path in target.iterdir()) == sorted([*FILES, SUMS, "README.md"])
    refused(liuyan(server_url, "export", number, target), 1, "is not an empty folder. Choose a new one.")
    async with server_store.reading() as connection:
        records = (await list_records(connection, AuditFilter(action="model."), None, 10)).items
    assert [(one.action, one.via) for one in records] == [("model.promote", "command"), ("model.register", "command")]
    assert records[-1].user_name == "wang"


async def test_a_complete_model_is_promoted_rolled_back_and_retired(
    liuyan: RunLiuyan, server_store: Store, server_url: str, tmp_path: Path
) -> None:
    folders = [tmp_path / str(n) for n in range(2)]
    sums = [write_model(folder, n) for n, folder in enumerate(folders)]
    feeds = [await feed_of(server_store, sha256) for sha256 in sums]
    await feeds[0].send(arrival("1"), arrival("2"))
    feeds[1].offset = feeds[0].offset
    await feeds[1].send(arrival("1"), arrival("2"))
    for folder in folders:
        assert liuyan(server_url, "register", folder).returncode == 0
    old, new = (feed.model.number for feed in feeds)
    refused(liuyan(server_url, "rollback", "--yes"), 1, f"No model was active before model {old}.")
    assert "is active" in liuyan(server_url, "promote", new, "--yes").stdout
    refused(liuyan(server_url, "retire", old), 1, "is the model that `liuyan model rollback` returns to")
    states = [line.split("\t")[1] for line in liuyan(server_url, "list").stdout.splitlines()[1:]]
    assert states == ["active", "previous"]
    status, output = on_terminal(server_url, "y", "rollback")
    assert status == 0
    assert f"Model {old} becomes active in place of {new}" in output
    assert output.endswith("is active.\n")
    assert liuyan(server_url, "retire", new, "--purge").stdout.splitlines() == [
        f"Model {new} ({feeds[1].model.name}) is retired.",
        "2 predictions are deleted.",
    ]
    assert "0 predictions are deleted." in liuyan(server_url, "retire", new, "--purge").stdout
    refused(liuyan(server_url, "promote", new, "--yes", "--incomplete"), 1, "is retired. Register its folder again")
    assert [line.split("\t")[1] for line in liuyan(server_url, "list").stdout.splitlines()[1:]] == ["retired", "active"]
    assert "is registered" in liuyan(server_url, "register", folders[1]).stdout
    assert "is active" in liuyan(server_url, "promote", new, "--yes", "--incomplete").stdout


async def test_purging_a_comments_only_prediction_is_refused(liuyan: RunLiuyan, first: Feed, server_url: str) -> None:
    second = await feed_of(first.store, "b" * 64)
    await second.send(arrival("only"))
    number = second.model.number
    refused(
        liuyan(server_url, "retire", number, "--purge"), 1, f"Model {number} cannot be purged: 1 of its predictions"
    )
    assert "retired" not in liuyan(server_url, "list").stdout


def test_unknown_models_and_damaged_artifacts_are_one_sentence(
    liuyan: RunLiuyan, first: Feed, server_url: str, tmp_path: Path
) -> None:
    for command in (
        ["show", "999999"],
        ["export", "999999", tmp_path / "x"],
        ["retire", "abc"],
        ["promote", "ffffffff"],
    ):
        refused(liuyan(server_url, *command), 2, "does not identify one model. List them with `liuyan model list`.")
    refused(liuyan(server_url, "export", first.model.number, tmp_path / "x"), 1, "is not in the database. Register its")
    refused(liuyan(server_url, "register", tmp_path / "missing"), 1, "There is no model folder")
    write_model(tmp_path / "model", 1)
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"damaged")
    refused(liuyan(server_url, "register", tmp_path / "model"), 1, "is damaged: weights.safetensors does not match")


async def test_a_rollback_without_a_model_is_refused(liuyan: RunLiuyan, server_store: Store, server_url: str) -> None:
    refused(liuyan(server_url, "rollback", "--yes"), 2, "No model is active.")
    assert liuyan(server_url, "list").stdout.count("\n") == 1


@pytest.mark.parametrize("command", [["list"], ["show", "1"], ["promote", "1"], ["rollback"]])
def test_an_unreachable_database_is_one_sentence(liuyan: RunLiuyan, command: list[str]) -> None:
    refused(liuyan("mysql+aiomysql://root:x@127.0.0.1:1/liuyan", *command), 1, "No database answers at 127.0.0.1:1")
