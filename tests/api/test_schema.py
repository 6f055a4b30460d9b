"""Generated requests by each role are answered according to the OpenAPI document, and never with 5xx."""

import asyncio
import contextlib
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from prometheus_client import CollectorRegistry
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.identity.roles import Role
from api.metrics import Metrics
from api.predictor import Predictor
from api.services import Services
from liuyan.health import address_of, listen, quiet_server
from model.labeller import Labeller
from store.store import Store
from tests.api.people import QUICK_PASSWORDS, Person, add_person, session_headers, settings_for_tests
from tests.store.feed import ERASURE_KEY, arrival, dead_letter, feed_of

pytestmark = pytest.mark.programs

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = [None, Role.USER, Role.REVIEWER, Role.ADMIN]


@dataclass(frozen=True)
class Running:
    """The API over TCP, and its database."""

    url: str
    database: str

    def add_person(self, role: Role, name: str) -> Person:
        """Create an account for one operation, because generated requests may disable it or revoke its token."""

        async def add() -> Person:
            async with Store.open(self.database) as store:
                return await add_person(store, name, role, now=datetime.now(UTC))

        return asyncio.run(add())


@pytest.fixture(scope="module")
def running(migrated_file: Path, labeller: Labeller, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The API in a thread with its own event loop, because schemathesis is synchronous."""
    file = tmp_path_factory.mktemp("schema") / "liuyan.db"
    shutil.copy(migrated_file, file)
    database = f"sqlite+aiosqlite:///{file}"
    with contextlib.closing(listen("127.0.0.1:0")) as listener:
        stop = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(database, labeller, listener, stop)))
        thread.start()
        try:
            yield Running(f"http://{address_of(listener)}", database)
        finally:
            stop.set()
            thread.join()


async def _serve(database: str, labeller: Labeller, listener: Any, stop: threading.Event) -> None:
    metrics = Metrics(CollectorRegistry())
    async with Store.open(database) as store:
        await store.check_ready(ERASURE_KEY)
        feed = await feed_of(store, labeller.sha256)
        await feed.send(arrival("1", "物流很快", thread="t"), arrival("2", "再也不来了", uncertain=True))
        await feed.send(dead_letter(feed.offset))
        await add_person(store, "the admin who stays", Role.ADMIN, now=datetime.now(UTC))
        with Predictor(labeller, metrics) as predictor:
            app = create_app(Services(store, predictor, settings_for_tests(), QUICK_PASSWORDS, metrics=metrics))
            server = quiet_server(app, grace_seconds=1)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await task


def run(running: Running, role: Role | None, examples: int) -> None:
    """Call every operation as ``role`` and collect all errors."""
    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    wrong = []
    answered: Counter[int] = Counter()
    for place, result in enumerate(schema.get_all_operations()):
        assert isinstance(result, Ok), result
        operation = result.ok()
        person = running.add_person(role, f"{role} {examples} {place}") if role else None
        headers = _credentials(person, operation.path) if person else {}
        try:
            _ask(operation, headers, examples, answered)
        except AssertionError as error:
            wrong.append(f"{operation.label}: {error}")
        except BaseExceptionGroup as errors:
            wrong += [f"{operation.label}: {error}" for error in errors.exceptions]
    assert wrong == []
    # Generated requests reach the endpoints, and requests without credentials do not.
    assert (answered[200] > 0) is (role is not None), answered


def _credentials(person: Person, path: str) -> dict[str, str]:
    """Return the headers with a confirmed session for endpoints that reject tokens, else with a token."""
    accounts = path.startswith(("/api/v1/account", "/api/v1/users"))
    return session_headers(person.session) if accounts else person.bearer


def _ask(operation: Any, headers: dict[str, str], examples: int, answered: Counter[int]) -> None:
    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: "Case[Any]") -> None:
        # Generated credentials would replace the given ones.
        case.headers.pop("Authorization", None)
        case.cookies = {}
        response = case.call(headers=headers, timeout=30)
        answered[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    ask()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role or "nobody")
def test_responses_conform_to_the_document(running: Running, role: Role | None) -> None:
    run(running, role, examples=2)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role or "nobody")
def test_many_responses_conform_to_the_document(running: Running, role: Role | None) -> None:
    run(running, role, examples=60)
