"""Processes of the previous release keep running while the next one migrates, starts and takes over."""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Installation, Process, Record, comment, free_port, get, tombstone
from tests.upgrades.release import LATER_REVISION, ROOT, export_later, export_previous, run_with

ACCOUNT = Path(__file__).parent / "account.py"
# Comments that every fifth and every twentieth later one edits and erases.
EDITED_BEFORE, ERASED_BEFORE = 100, 200
FIRST = 300

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@dataclass
class Load:
    """Publishes events until it is stopped, and knows what must be stored then."""

    installation: Installation
    comments: int = 0
    records: int = 0
    reviewed: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self.stop.is_set():
            await self.publish(20)
            await asyncio.sleep(0.3)
        self.ended.set()

    async def publish(self, count: int) -> None:
        records = [one for n in range(self.comments, self.comments + count) for one in _events(n)]
        await self.installation.publish(records)
        self.comments += count
        self.records += len(records)

    def expected(self) -> dict[str, int]:
        erased = len(range(ERASED_BEFORE + 1, self.comments, 20))
        stored = self.comments - erased
        return {
            "comments": stored,
            "comment_versions": len(range(EDITED_BEFORE, self.comments, 5)),
            "predictions": stored,
            "erasures": erased,
            "reviews": self.reviewed,
            "dead_letters": 0,
        }


def _events(n: int) -> list[Record]:
    """Return a new comment, and the edit or the tombstone of an earlier one; no comment gets both."""
    events = [comment(n, f"物流很快，第 {n} 次购买", minutes=n)]
    if n % 5 == 0 and n >= EDITED_BEFORE:
        edited = n - EDITED_BEFORE
        events.append(comment(edited, f"改：味道不错 {n}", minutes=edited, edited=n))
    if n % 20 == 1 and n >= ERASED_BEFORE:
        events.append(tombstone(n - ERASED_BEFORE))
    return events


@dataclass(frozen=True)
class Releases:
    """The folders with the packages of two releases; whether the older one starts on the tables of the newer one."""

    older: Path
    newer: Path
    restarts: bool


@pytest.fixture
def previous(tmp_path: Path) -> Releases:
    """The previous release, which does not know the stored compatibility, and this one."""
    folder = tmp_path / "previous"
    folder.mkdir()
    return Releases(export_previous(folder), ROOT, restarts=False)


@pytest.fixture
def later(tmp_path: Path) -> Releases:
    """This release and a later one."""
    return Releases(ROOT, export_later(tmp_path / "later"), restarts=True)


@asynccontextmanager
async def loaded(kafka: str, topic: str, url: str, folder: Path, older: Path) -> AsyncIterator[Load]:
    """Migrate with the older release, publish the first comments and go on in the background."""
    installation = Installation(kafka, topic, url, folder, {"LIUYAN_AUDIT_SHARE": "0"})
    done = installation.run("store", "migrate", PYTHONPATH=str(older))
    assert done.returncode == 0, done.stderr
    await installation.create_topic(partitions=4)
    load = Load(installation)
    await load.publish(FIRST)
    running = asyncio.create_task(load.run())
    try:
        yield load
    finally:
        load.stop.set()
        await running


@contextmanager
def api(installation: Installation, release: Path) -> Iterator[str]:
    """Run `liuyan api serve` of a release and yield its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = installation.environment(PYTHONPATH=str(release))
    with Process(["api", "serve", "--port", str(port)], environment, installation.folder) as process:
        installation.wait_for(lambda: _answers(url), seconds=60, process=process)
        yield url


def _answers(url: str) -> bool:
    try:
        return get(f"{url}/api/v1/comments")[0] == 401
    except OSError:
        return False


def _review(url: str, token: str, id: int) -> None:
    """Review a comment that is neither edited nor erased."""
    path = f"{url}/api/v1/comments/forum/{id}"
    seen = _request(path, token, None)["comment"]
    body = {"platform": "forum", "id": str(id), "version": seen["version"], "label": "spam"}
    assert _request(f"{url}/api/v1/reviews", token, body)["label"] == "spam"


def _request(url: str, token: str, body: dict[str, object] | None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.code} {error.read().decode()}") from None


def consumer(installation: Installation, release: Path) -> Process:
    """Start `liuyan consumer run` of a release."""
    return Process(["consumer", "run"], installation.environment(PYTHONPATH=str(release)), installation.folder)


async def more_stored(load: Load, *processes: Process) -> None:
    """Wait until twenty events that are published from now on are stored."""
    goal = load.records + 20
    deadline = time.monotonic() + 90
    while load.installation.stored() < goal:
        for process in processes:
            process.check()
        assert time.monotonic() < deadline, "\n".join(process.output() for process in processes)
        await asyncio.sleep(0.2)


async def finished(load: Load, release: Path, process: Process) -> None:
    """Stop publishing, wait for the last event, and check that every event has been stored once."""
    load.stop.set()
    await load.ended.wait()
    at = load.installation
    await asyncio.to_thread(at.wait_for, lambda: at.stored() == load.records, seconds=90, process=process)
    assert {name: at.number(f"SELECT COUNT(*) FROM {name}") for name in load.expected()} == load.expected()
    check = await asyncio.to_thread(at.run, "store", "check", PYTHONPATH=str(release))
    assert check.returncode == 0, check.stdout


async def roll(load: Load, releases: Releases) -> None:
    """Upgrade from the older to the newer release while both run, and restart the older one in between."""
    at = load.installation
    token = run_with(releases.older, ACCOUNT, [at.database_url])
    with ExitStack() as stack:
        old = stack.enter_context(consumer(at, releases.older))
        await more_stored(load, old)
        old_url = await asyncio.to_thread(stack.enter_context, api(at, releases.older))
        reviewed = iter(range(2, FIRST, 20))

        async def review(*urls: str) -> None:
            for url in urls:
                await asyncio.to_thread(_review, url, token, next(reviewed))
                load.reviewed += 1

        await review(old_url)
        active = at.query("SELECT * FROM active_model")
        migrated = await asyncio.to_thread(at.run, "store", "migrate", PYTHONPATH=str(releases.newer))
        assert migrated.returncode == 0, migrated.stderr
        await more_stored(load, old)
        await review(old_url)
        new = stack.enter_context(consumer(at, releases.newer))
        new_url = await asyncio.to_thread(stack.enter_context, api(at, releases.newer))
        await more_stored(load, old, new)
        await review(old_url, new_url, old_url)
        old.kill()
        again = stack.enter_context(consumer(at, releases.older))
        if releases.restarts:
            await more_stored(load, again, new)
            restarted = await asyncio.to_thread(stack.enter_context, api(at, releases.older))
            await review(restarted, new_url)
            again.send(signal.SIGTERM)
            assert await asyncio.to_thread(again.wait, 30) == 0
        else:
            assert await asyncio.to_thread(again.wait, 30) == 1
            assert "Upgrade this program" in again.output()
        await more_stored(load, new)
        await review(old_url, new_url)
        await finished(load, releases.newer, new)
        assert at.query("SELECT * FROM active_model") == active


@pytest.fixture(params=["mysql", "mariadb"])
def server_url(request: pytest.FixtureRequest, _new_database: Callable[[str], str]) -> str:
    """The URL of an empty database on each kind of server."""
    return _new_database(str(request.param))


@pytest.mark.parametrize("releases", ["previous", "later"])
async def test_the_older_release_works_during_an_upgrade(
    kafka: str, topic: str, server_url: str, tmp_path: Path, releases: str, request: pytest.FixtureRequest
) -> None:
    chosen: Releases = request.getfixturevalue(releases)
    async with loaded(kafka, topic, server_url, tmp_path, chosen.older) as load:
        await roll(load, chosen)
    if chosen.restarts:
        assert load.installation.query("SELECT version_num FROM alembic_version") == [(LATER_REVISION,)]
        assert load.installation.number("SELECT MIN(later) FROM comments") == 7


async def test_a_sqlite_database_is_upgraded_between_two_processes(
    kafka: str, topic: str, tmp_path: Path, previous: Releases
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}"
    async with loaded(kafka, topic, url, tmp_path, previous.older) as load:
        with consumer(load.installation, previous.older) as old:
            await more_stored(load, old)
            old.kill()
        migrated = await asyncio.to_thread(load.installation.run, "store", "migrate", PYTHONPATH=str(previous.newer))
        assert migrated.returncode == 0, migrated.stderr
        with consumer(load.installation, previous.newer) as new:
            await more_stored(load, new)
            await finished(load, previous.newer, new)
