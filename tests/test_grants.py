"""Each process works with its own database account, and what it need not do is refused."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pymysql
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import URL, make_url

from api.app import create_app
from api.identity.roles import Role as PersonRole
from api.metrics import Metrics
from api.predictor import Predictor
from api.services import Services
from model.labeller import load_labeller
from store.admin_tables import metadata
from store.audit import Actor
from store.database_roles import Role
from store.errors import StoreError
from store.grants import API, CONSUMER, check_grants, needs
from store.group_decisions import take_steps
from store.retention import Rules, purge
from store.store import Store
from tests.api.people import QUICK_PASSWORDS, add_person, session_headers, settings_for_tests
from tests.api.reviewers import seen
from tests.conftest import MAIN, NewDatabase
from tests.harness import Installation, Record, comment, tombstone
from tests.store.feed import arrival, dead_letter, feed_of

PASSWORD = "a-password-for-Tests-1"
OPERATOR = Actor(None, "operator", "command", None)
pytestmark = pytest.mark.programs


@dataclass(frozen=True)
class Accounts:
    """A migrated database with an account for each role."""

    owner: URL
    prefix: str
    installation: Installation

    def url(self, role: Role) -> str:
        account = self.owner.set(username=f"{self.prefix}{role}_account", password=PASSWORD)
        return account.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        self.query(self.owner, statement)

    def query(self, url: URL, statement: str) -> list[tuple[Any, ...]]:
        with (
            pymysql.connect(
                host=url.host,
                port=url.port,
                user=url.username,
                password=url.password or "",
                database=url.database,
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return list(cursor.fetchall())

    def refuses(self, role: Role, *statements: str) -> None:
        for statement in statements:
            with pytest.raises(pymysql.err.MySQLError, match="denied"):
                self.query(make_url(self.url(role)), statement)


@pytest.fixture(scope="module")
def accounts(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Accounts on the main server. Tests that change privileges or tables restore them."""
    yield from _accounts(module_database_url, tmp_path_factory.mktemp("accounts"), MAIN)


@pytest.fixture
def own_accounts(_new_database: NewDatabase, tmp_path: Path) -> Iterator[Accounts]:
    """Accounts on the main server with a database for one test."""
    yield from _accounts(_new_database(MAIN), tmp_path, MAIN)


@pytest.fixture
def mariadb_accounts(_new_database: NewDatabase, tmp_path: Path) -> Iterator[Accounts]:
    """Accounts on MariaDB."""
    yield from _accounts(_new_database("mariadb"), tmp_path, "mariadb")


def _accounts(url: str, folder: Path, kind: str) -> Iterator[Accounts]:
    """Migrate with the account for migrations, then run the statements that `liuyan store grants` prints."""
    installation = Installation("127.0.0.1:1", "comments", url, folder)
    owner, prefix = make_url(url), f"t{secrets.token_hex(4)}_"
    accounts = Accounts(owner, prefix, installation)
    try:
        _grant(accounts, kind, "migrate")
        migrated = installation.run("store", "migrate", LIUYAN_DATABASE_URL=accounts.url(Role.MIGRATE))
        assert migrated.returncode == 0, migrated.stderr
        _grant(accounts, kind)
        yield accounts
    finally:
        for role in Role:
            accounts.execute(f"DROP USER IF EXISTS '{prefix}{role}_account'@'%'")
            accounts.execute(f"DROP ROLE IF EXISTS '{prefix}{role}'")


def _grant(accounts: Accounts, kind: str, *roles: str) -> None:
    printed = accounts.installation.run("store", "grants", *roles)
    assert printed.returncode == 0, printed.stderr
    for line in printed.stdout.replace("liuyan_migrate", f"{accounts.prefix}migrate").splitlines():
        named = line.replace("'liuyan_", f"'{accounts.prefix}").replace("'PASSWORD'", f"'{PASSWORD}'")
        if kind == "mariadb" and named.startswith("SET DEFAULT ROLE"):
            continue
        statement = named.removeprefix("-- MariaDB: ") if kind == "mariadb" else named
        if statement and not statement.startswith("--"):
            accounts.execute(statement)


def test_every_table_is_granted_to_a_process() -> None:
    assert set(metadata.tables) - set(CONSUMER) - set(API) == set()
    assert (set(CONSUMER) | set(API)) - set(metadata.tables) == set()


async def test_the_consumer_works_with_its_account(kafka: str, topic: str, accounts: Accounts, clients: Path) -> None:
    installation = accounts.installation
    installation.kafka, installation.topic = kafka, topic
    await installation.create_topic(partitions=2)
    operator = {"LIUYAN_DATABASE_URL": accounts.url(Role.OPERATOR)}
    bad = Record(b"forum:bad", b"{")
    with installation.consumer(LIUYAN_DATABASE_URL=accounts.url(Role.CONSUMER)) as consumer:
        records = [comment(n, "物流很快", author="小王" if n < 5 else "小李") for n in range(20)]
        edits = [comment(9, "改：坏了", edited=5), tombstone(10), bad]
        await installation.publish([*records, *edits])
        installation.wait_for(lambda: installation.stored() == 23, seconds=60, process=consumer)
        for arguments in (
            ("consumer", "dead-letters", "requeue", "--all"),
            ("store", "erase", "--author", "forum", "小王", "--yes"),
            ("store", "purge", "--yes"),
            ("store", "check"),
        ):
            done = await asyncio.to_thread(installation.run, *arguments, **operator)
            assert done.returncode == 0, done.stderr
        assert installation.comments() == 14
        consumer.check()
        assert "denied" not in consumer.output()
    own = {"LIUYAN_DATABASE_URL": accounts.url(Role.CONSUMER)}
    done = installation.run("consumer", "replay", "1", "--store-only", **own)
    assert done.returncode == 0, done.stderr
    backup = {"LIUYAN_DATABASE_URL": accounts.url(Role.BACKUP), "PATH": f"{clients}:/usr/bin:/bin"}
    done = installation.run("store", "backup", "a.backup", **backup)
    assert (done.returncode, done.stderr) == (0, "")
    assert recorded_backups(accounts) == 1
    accounts.refuses(
        Role.CONSUMER,
        "SELECT * FROM users",
        "SELECT * FROM sessions",
        "DELETE FROM reviews",
        "DELETE FROM audit_log",
        "UPDATE retention SET horizon = NULL",
        "DROP TABLE comments",
    )
    accounts.refuses(Role.BACKUP, "DELETE FROM comments", "DROP TABLE comments", "UPDATE audit_log SET action = 'x'")
    accounts.refuses(Role.OPERATOR, "DROP TABLE comments", "CREATE TABLE other (n INTEGER)")
    accounts.refuses(Role.GRAFANA, "SELECT text FROM comments", "SELECT * FROM users")
    assert accounts.query(make_url(accounts.url(Role.GRAFANA)), "SELECT COUNT(*) FROM dashboard_hours") != []


def recorded_backups(accounts: Accounts) -> int:
    [(count,)] = accounts.query(accounts.owner, "SELECT COUNT(*) FROM audit_log WHERE action = 'store.backup'")
    return int(count)


def test_a_backup_that_cannot_be_recorded_says_what_to_run(accounts: Accounts, clients: Path) -> None:
    before = recorded_backups(accounts)
    grant = f"INSERT ON `{accounts.owner.database}`.`audit_log`"
    accounts.execute(f"REVOKE {grant} FROM '{accounts.prefix}backup'")
    backup = {"LIUYAN_DATABASE_URL": accounts.url(Role.BACKUP), "PATH": f"{clients}:/usr/bin:/bin"}
    done = accounts.installation.run("store", "backup", "b.backup", **backup)
    accounts.execute(f"GRANT {grant} TO '{accounts.prefix}backup'")
    assert done.returncode == 0
    assert done.stdout.startswith("Wrote b.backup: ")
    assert "The backup is complete but not recorded. The database refused the statement: 1142 INSERT" in done.stderr
    assert "Run `liuyan store record-backup` with an account that may write to the audit log" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert recorded_backups(accounts) == before
    assert accounts.installation.run("store", "record-backup").returncode == 0
    assert recorded_backups(accounts) == before + 1


async def test_the_api_works_with_its_account(own_accounts: Accounts) -> None:
    accounts = own_accounts
    metrics = Metrics(CollectorRegistry())
    async with (
        Store.open(accounts.owner.render_as_string(hide_password=False), audit_share=0) as owner,
        Store.open(accounts.url(Role.API)) as store,
    ):
        await owner.check_ready(b"a key for tests alone")
        await store.check_ready()
        await store.read(check_grants, Role.API)
        feed = await feed_of(owner)
        await feed.send(
            *(arrival(str(n), f"文字 {n}", probability=0.5 + n / 100) for n in range(4)),
            *(arrival(f"copy {n}", "同样的文字", probability=0.501) for n in range(3)),
            dead_letter(1, b"forum:x", b"{"),
            dead_letter(2, b"forum:y", b"{"),
            dead_letter(3, b"forum:z", b"{"),
        )
        with Predictor(load_labeller(), metrics) as predictor:
            services = Services(store, predictor, settings_for_tests(), QUICK_PASSWORDS, metrics=metrics)
            admin = await add_person(store, "admin", PersonRole.ADMIN, now=services.now())
            other = await add_person(store, "other", PersonRole.REVIEWER, now=services.now())
            transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
            client = httpx.AsyncClient(
                transport=transport, base_url="http://liuyan.test", headers=session_headers(admin.session)
            )
            second = httpx.AsyncClient(transport=transport, base_url="http://liuyan.test", headers=other.bearer)
            async with client, second:
                await _use(client, second, owner)
                while (await take_steps(store)).taken:
                    pass
                await _manage(client, other.number)
        await purge(store, Rules(1, 1, 1, 1, 1, 200, reviewed=True), OPERATOR, 5, lambda what, done, total: None)
    accounts.refuses(
        Role.API,
        "UPDATE partitions SET next_offset = 0",
        "DELETE FROM erasures",
        "SELECT * FROM key_checks",
        "INSERT INTO models (sha256) VALUES ('x')",
        "DROP TABLE users",
    )


async def _use(client: httpx.AsyncClient, second: httpx.AsyncClient, owner: Store) -> None:
    """Do what reviewers do."""
    api = "/api/v1"
    for _ in range(3):
        [task] = (await ok(client.post(f"{api}/reviews/next", json={"count": 1}))).json()["items"]
        await ok(client.post(f"{api}/reviews/renew", json={"comments": [_named(task)]}))
        body = {**seen(task["comment"]), "label": "spam", "all_occurrences": task["occurrences"] > 1}
        await ok(client.post(f"{api}/reviews", json=body))
    found = (await ok(client.get(f"{api}/comments", params={"reviewed": True}))).json()["items"]
    single = next(one for one in found if not one["id"].startswith("copy"))
    added = (await ok(second.post(f"{api}/reviews", json={**seen(single), "label": "positive"}))).json()
    given = {"platform": single["platform"], "id": single["id"], "number": added["number"]}
    await ok(second.post(f"{api}/reviews/withdraw", json={"reviews": [given]}))
    [task] = (await ok(client.post(f"{api}/reviews/next", json={"count": 1}))).json()["items"]
    await ok(client.post(f"{api}/reviews/skip", json=_named(task)))
    for path in ("labels", "platforms", "hours", "reviewers", "models", "accuracy", "keywords", "agreement"):
        await ok(client.get(f"{api}/analytics/{path}"))
    await ok(client.get(f"{api}/reviews/export"))
    await ok(client.post(f"{api}/detections", json={"text": "很好", "label": "positive"}))
    for page in (
        "",
        "review",
        "comments",
        "reviews",
        "analytics",
        "models",
        "dead-letters",
        "audit",
        "users",
        "privacy",
    ):
        await ok(client.get(f"/admin/{page}"))


async def _manage(client: httpx.AsyncClient, other: int) -> None:
    """Do what admins do."""
    api = "/api/v1"
    letters = (await ok(client.get(f"{api}/dead-letters"))).json()["items"]
    for action, letter in zip(("requeue", "discard", "delete"), letters, strict=True):
        await ok(client.post(f"{api}/dead-letters/{action}", json={"numbers": [letter["number"]]}))
    notice = (await ok(client.post(f"{api}/notices", json={"title": "通知"}))).json()["number"]
    await ok(client.post(f"{api}/notices/{notice}/withdraw"))
    await ok(client.delete(f"{api}/notices/{notice}"))
    await ok(client.post(f"{api}/account/tokens", json={"name": "t", "role": "user"}))
    token = (await ok(client.get(f"{api}/account/tokens"))).json()["items"][0]
    await ok(client.delete(f"{api}/account/tokens/{token['number']}"))
    person = {"name": "小新", "password": "Kx93-vornbel-tuq", "role": "reviewer"}
    added = (await ok(client.post(f"{api}/users", json=person))).json()["number"]
    await ok(client.patch(f"{api}/users/{added}", json={"role": "user"}))
    await ok(client.post(f"{api}/users/{added}/disable"))
    await ok(client.post(f"{api}/users/{other}/erase"))
    await ok(client.post(f"{api}/authors/erasures", json={"platform": "forum", "author": "小王"}))
    await ok(client.get(f"{api}/models"))
    wrong = await client.post("/admin/login", data={"name": "admin", "password": "wrong"})
    assert wrong.status_code in (401, 422)


async def ok(request: Any) -> httpx.Response:
    answer: httpx.Response = await request
    assert answer.status_code < 400, f"{answer.request.method} {answer.request.url}: {answer.text[:500]}"
    return answer


def _named(task: dict[str, Any]) -> dict[str, Any]:
    return {name: task["comment"][name] for name in ("platform", "id")}


async def test_a_missing_grant_is_reported_at_startup(accounts: Accounts) -> None:
    database = accounts.owner.database
    accounts.execute(f"REVOKE INSERT ON `{database}`.`outbox` FROM '{accounts.prefix}consumer'")
    accounts.execute(f"REVOKE DELETE ON `{database}`.`disputes` FROM '{accounts.prefix}api'")
    started = accounts.installation.run("consumer", "run", LIUYAN_DATABASE_URL=accounts.url(Role.CONSUMER))
    account = f"{accounts.prefix}consumer_account"
    assert started.stderr.splitlines()[-1] == (
        f"liuyan: The database account {account} lacks privileges: INSERT on outbox. Run the statements of "
        "`liuyan store grants consumer` as an administrator of the database."
    )
    async with Store.open(accounts.url(Role.API)) as store:
        with pytest.raises(StoreError, match="DELETE on disputes"):
            await store.read(check_grants, Role.API)
    accounts.execute(f"GRANT INSERT ON `{database}`.`outbox` TO '{accounts.prefix}consumer'")
    accounts.execute(f"GRANT DELETE ON `{database}`.`disputes` TO '{accounts.prefix}api'")


async def test_accounts_on_mariadb(mariadb_accounts: Accounts) -> None:
    for role in (Role.CONSUMER, Role.API):
        async with Store.open(mariadb_accounts.url(role)) as store:
            await store.check_ready()
            await store.read(check_grants, role)
    mariadb_accounts.refuses(Role.CONSUMER, "SELECT * FROM users")


def test_new_tables_print_their_grants(accounts: Accounts) -> None:
    accounts.execute("DROP TABLE author_erasures")
    accounts.execute("UPDATE alembic_version SET version_num = '0019'")
    done = accounts.installation.run("store", "migrate", LIUYAN_DATABASE_URL=accounts.url(Role.MIGRATE))
    database = accounts.owner.database
    assert f"GRANT SELECT, UPDATE ON `{database}`.`author_erasures` TO 'liuyan_consumer';" in done.stderr.splitlines()


def test_sqlite_needs_no_grants(tmp_path: Path) -> None:
    installation = Installation("127.0.0.1:1", "comments", f"sqlite+aiosqlite:///{tmp_path}/a.db", tmp_path)
    done = installation.run("store", "grants")
    assert (done.returncode, done.stderr) == (
        2,
        "liuyan: SQLite has no accounts. Set LIUYAN_DATABASE_URL to a database on MySQL or MariaDB.\n",
    )
    assert needs(Role.GRAFANA)["dashboard_hours"] == "S"
