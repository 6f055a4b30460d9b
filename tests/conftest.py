"""Fixtures for real servers, each started once per run on first use, and the selection of fast tests.

``LIUYAN_TEST_KAFKA`` and ``LIUYAN_TEST_DATABASE_URL`` are servers to use instead; ``LIUYAN_TEST_DATABASE`` is the kind
of the main database: mysql (default) or mariadb. Each test gets a separate database, empty or migrated.
"""

import gc
import logging
import os
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import URL, make_url

from liuyan.cli import main
from liuyan.packages import PACKAGES
from liuyan.settings import Settings
from liuyan.settings_file import PREFIX, TEST_PREFIX
from local_stack.database import UNSYNCED, DatabaseServer
from local_stack.database_clients import install_clients
from local_stack.kafka import Kafka
from local_stack.mariadb import MariaDB
from local_stack.mysql import MySQL
from local_stack.server import Server
from tests.templates import Templates, connect

KINDS: dict[str, type[DatabaseServer]] = {"mysql": MySQL, "mariadb": MariaDB}
MAIN = os.environ.get("LIUYAN_TEST_DATABASE", "mysql")

if MAIN not in KINDS:
    raise pytest.UsageError(f"LIUYAN_TEST_DATABASE is {MAIN!r}: set it to mysql or mariadb.")

NewDatabase = Callable[[str], str]
RunLiuyan = Callable[..., "subprocess.CompletedProcess[str]"]


SERVERS = {"kafka", "browser", "site", "_database_server"}
KINDS_WITHOUT_SERVER = {"sqlite", "embedded"}
# How long tests with a marker or a fixture roughly take; others take 0.1 s.
SECONDS = {"minutes": 200.0, "seconds": 10.0, "kafka": 8.0, "server": 4.0, "programs": 1.0, "trains": 1.0, "site": 1.0}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fast``, which deselects tests that start servers, train models or take long (`make check`)."""
    parser.addoption("--fast", action="store_true", help="run only tests that start no server and train nothing")


def pytest_configure(config: pytest.Config) -> None:
    """``--fast`` generates a quarter of the examples; tests that want more or fewer multiply ``max_examples``."""
    settings.register_profile("fast", max_examples=25)
    if config.getoption("--fast"):
        settings.load_profile("fast")


def _is_fast(item: pytest.Item) -> bool:
    if any(item.get_closest_marker(name) for name in ("server", "trains", "programs", "seconds", "minutes", "long")):
        return False
    servers = SERVERS & set(getattr(item, "fixturenames", ()))
    if servers <= {"_database_server"} and hasattr(item, "callspec"):
        # A test on several kinds of database is fast for those without a server.
        return not servers or not KINDS_WITHOUT_SERVER.isdisjoint(map(str, item.callspec.params.values()))
    return not servers


def _seconds(item: pytest.Item) -> float:
    """Return how long a test roughly takes, from its markers and fixtures."""
    names = {mark.name for mark in item.iter_markers()} | set(getattr(item, "fixturenames", ()))
    return max((SECONDS[name] for name in SECONDS.keys() & names), default=0.1)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests with a fixture that trains."""
    if "tiny_artifact" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.trains)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order files by the time that they roughly take, longest first.

    Processes take files in this order (``--no-loadscope-reorder``); a long test in the last file would run alone.
    """
    if config.getoption("--fast"):
        slow = [item for item in items if not _is_fast(item)]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if _is_fast(item)]
    seconds: dict[Path, float] = defaultdict(float)
    for item in items:
        seconds[item.path] += _seconds(item)
    items.sort(key=lambda item: -seconds[item.path])


def pytest_collection_finish() -> None:
    """Exclude the half a million objects of imported modules and collected tests from every garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _enforce_fast(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ``--fast``, fail tests that start a server or train, because they lack a marker."""
    if not request.config.getoption("--fast"):
        yield
        return

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("--fast must not start servers or train: mark this test `server` or `trains`")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "start", refuse)
        patch.setattr("model.training.trainer.Trainer.run_epoch", refuse)
        yield


@pytest.fixture(autouse=True)
def _isolate_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the user's settings, except for the cache folder with downloads."""
    for name in list(os.environ):
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name != "LIUYAN_CACHE_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Restore the loggers that ``configure_logging`` changes."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, PACKAGES)]
    handlers, levels = root.handlers, [logger.level for logger in loggers]
    yield
    root.handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def run_liuyan(capsys: pytest.CaptureFixture[str], restored_logging: None) -> RunLiuyan:
    """Return a function that runs `liuyan ARGUMENTS` in this process, with settings as environment variables.

    Starting Python takes longer than most commands. Only for commands that read no input and handle no signals.
    """

    def run(*arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
        command = ["liuyan", *map(str, arguments)]
        capsys.readouterr()
        # In a thread, because asynchronous tests have a running event loop.
        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as thread:
            patch.setattr(sys, "argv", command)
            for name, value in settings.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                thread.submit(main).result()
        written = capsys.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return subprocess.CompletedProcess(command, status, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Return the bootstrap servers of an Apache Kafka that does not create topics automatically."""
    existing = os.environ.get("LIUYAN_TEST_KAFKA")
    if existing:
        yield existing
        return
    with Kafka() as broker:
        yield broker.bootstrap


@pytest.fixture
def topic() -> str:
    """Return a unique topic name; the topic is not created."""
    return f"comments-{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def _database_server() -> Iterator[Callable[[str], URL]]:
    """Return a function from kind to server address, which starts the server on first use."""
    existing = os.environ.get("LIUYAN_TEST_DATABASE_URL")
    addresses = {MAIN: make_url(existing)} if existing else {}
    with ExitStack() as stack:

        def address(kind: str) -> URL:
            if kind not in addresses:
                server = stack.enter_context(KINDS[kind](UNSYNCED))
                addresses[kind] = make_url(server.url("mysql"))
            return addresses[kind]

        yield address


@contextmanager
def _new_databases(server_of: Callable[[str], URL], folder: Path) -> Iterator[NewDatabase]:
    """Return a function that creates an empty database of a kind; databases are dropped at the end."""
    with ExitStack() as drops:

        def create(kind: str) -> str:
            name = f"liuyan_test_{secrets.token_hex(6)}"
            if kind == "sqlite":
                return f"sqlite+aiosqlite:///{folder / name}.db"
            server = server_of(kind)
            _execute(server, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            drops.callback(_execute, server, f"DROP DATABASE IF EXISTS `{name}`")
            url = server.set(database=name).update_query_dict({"charset": "utf8mb4"})
            return url.render_as_string(hide_password=False)

        yield create


@pytest.fixture
def _new_database(_database_server: Callable[[str], URL], tmp_path: Path) -> Iterator[NewDatabase]:
    """Return a function that creates an empty database of a kind; databases are dropped after the test."""
    with _new_databases(_database_server, tmp_path) as create:
        yield create


@pytest.fixture(scope="session")
def _templates(_database_server: Callable[[str], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    """Return what copies migrated databases."""
    with _new_databases(_database_server, tmp_path_factory.mktemp("templates")) as create:
        yield Templates(create)


@pytest.fixture(scope="module")
def module_database_url(
    _database_server: Callable[[str], URL], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Like ``database_url``, once per module, for tests whose setup takes longer than the tests."""
    with _new_databases(_database_server, tmp_path_factory.mktemp("databases")) as create:
        yield create(MAIN)


@pytest.fixture(scope="module")
def module_migrated_url(module_database_url: str, _templates: Templates) -> str:
    """Like ``module_database_url``, with the tables of a migrated database."""
    _templates.copy(MAIN, module_database_url)
    return module_database_url


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the client programs of MySQL and MariaDB, for PATH."""
    folder = tmp_path_factory.mktemp("clients")
    for kind in KINDS:
        install_clients(kind, folder)
    return folder


@pytest.fixture
def database_url(_new_database: NewDatabase) -> str:
    """Return the SQLAlchemy URL (asynchronous driver) of an empty database on the main server."""
    return _new_database(MAIN)


@pytest.fixture
def migrated_url(database_url: str, _templates: Templates) -> str:
    """Like ``database_url``, with the tables of a migrated database."""
    _templates.copy(MAIN, database_url)
    return database_url


@pytest.fixture
def migrated_sqlite_url(_new_database: NewDatabase, _templates: Templates) -> str:
    """Return the URL of a migrated SQLite database, for tests that are about something else."""
    url = _new_database("sqlite")
    _templates.copy("sqlite", url)
    return url


@pytest.fixture(params=["mysql", "mariadb", "sqlite"])
def every_migrated_url(request: pytest.FixtureRequest, _new_database: NewDatabase, _templates: Templates) -> str:
    """Like ``migrated_url``, once for each supported kind of database."""
    url = _new_database(request.param)
    _templates.copy(request.param, url)
    return url


@pytest.fixture(params=["mysql", "mariadb", "sqlite"])
def every_database_url(request: pytest.FixtureRequest, _new_database: NewDatabase) -> str:
    """Like ``database_url``, once for each supported kind of database."""
    return _new_database(request.param)


def _execute(server: URL, statement: str) -> None:
    """Run one statement. The lock timeout makes a transaction that a test left open fail the drop, not block it."""
    connection = connect(server, init_command="SET SESSION lock_wait_timeout = 10")
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
