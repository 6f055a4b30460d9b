"""API servers under test: they label texts all the time, and every answer must come from one model."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx2

from api.identity.roles import Role
from local_stack.ports import ReservedPort
from model.labeller import Labeller
from store.store import Store
from tests.api.people import add_person
from tests.harness import Installation, Process
from tests.models import wrong_predictions

PAUSE_SECONDS = 0.5


class Servers:
    """Some API servers of one database, each with its own cache. A context manager that stops them."""

    def __init__(self, installation: Installation, count: int, texts: Sequence[str]) -> None:
        self._installation = installation
        self._texts = texts
        self._ports = [ReservedPort() for _ in range(count)]
        self._processes: list[Process] = []
        self._answers: list[list[dict[str, Any]]] = [[] for _ in range(count)]

    async def start(self) -> None:
        """Start the servers and wait until they answer."""
        async with Store.open(self._installation.database_url) as store:
            self._headers = (await add_person(store, "faults", Role.ADMIN, now=datetime.now(UTC))).bearer
        for number, port in enumerate(self._ports):
            cache = self._installation.folder / f"api-cache-{number}"
            environment = self._installation.environment(LIUYAN_CACHE_DIR=str(cache))
            command = ["api", "serve", "--port", str(port.number)]
            self._processes.append(Process(command, environment, self._installation.folder))
        for process in self._processes:
            await asyncio.to_thread(self._installation.wait_for, lambda: "serving" in process.output(), seconds=120)  # noqa: B023

    def close(self) -> None:
        for process in self._processes:
            process.__exit__()
        for port in self._ports:
            port.close()

    async def ask(self) -> None:
        """Ask every server again and again, until cancelled. While the database is away they may refuse to answer."""
        await asyncio.gather(*(self._ask(number) for number in range(len(self._ports))))

    async def _ask(self, number: int) -> None:
        url = f"http://127.0.0.1:{self._ports[number].number}"
        async with httpx2.AsyncClient(base_url=url, headers=self._headers, timeout=60) as client:
            while True:
                answer = await client.post("/api/v1/predict", json={"texts": list(self._texts)})
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    self._answers[number].append(dict(answer.raise_for_status().json()))
                await asyncio.sleep(PAUSE_SECONDS)

    def failures(self, labellers: Mapping[str, Labeller], active: str) -> list[str]:
        """Return what was wrong: predictions that the named model does not make, and servers that did not switch."""
        found = []
        for number, answers in enumerate(self._answers):
            rows = {
                (answer["model"], text, one["label"], one["probability"])
                for answer in answers
                for text, one in zip(self._texts, answer["predictions"], strict=True)
            }
            found += [f"API server {number}: {line}" for line in wrong_predictions(labellers, list(rows))[:5]]
            if not answers or answers[-1]["model"] != active:
                found.append(f"API server {number} does not answer with the active model")
            if len({answer["model"] for answer in answers}) < 2:
                found.append(f"API server {number} has not switched")
        return found
