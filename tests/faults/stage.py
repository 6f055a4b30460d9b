"""What faults act on: the servers, proxies and consumers of a run, and what the faults have caused so far."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from local_stack.kafka import Kafka
from local_stack.kafka_cluster import KafkaCluster
from local_stack.mysql import MySQL
from tests.faults.fleet import Fleet, Member
from tests.faults.load import Publisher
from tests.faults.proxy import Proxy
from tests.harness import Installation, get
from tests.models import promote
from tests.waiting import eventually


@dataclass
class Stage:
    """Everything that faults act on. ``outage`` is the duration of outages in seconds.

    ``cluster`` is None if there is only one broker. Each broker has a proxy in ``kafka_proxies``.
    """

    installation: Installation
    brokers: Sequence[Kafka]
    cluster: KafkaCluster | None
    mysql: MySQL
    kafka_proxies: Sequence[Proxy]
    fleet: Fleet
    publisher: Publisher
    rng: random.Random
    outage: float
    injected: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def member(self) -> Member:
        """Return a running consumer that no other fault has borrowed."""
        return self.rng.choice([one for one in self.fleet.members if one.supervised and not one.borrowed])

    @contextmanager
    def borrow(self) -> Iterator[Member]:
        """Choose a consumer that no other fault uses meanwhile."""
        member = self.member()
        member.borrowed = True
        try:
            yield member
        finally:
            member.borrowed = False

    def broker(self) -> Kafka:
        """Return one of the brokers."""
        return self.rng.choice(self.brokers)

    async def pause(self, low: float, high: float) -> None:
        """Sleep for a random time in seconds."""
        await asyncio.sleep(self.rng.uniform(low, high))

    def require(self, happened: object, what: str) -> None:
        """Count ``what`` if it happened; otherwise the fault has shown nothing, and the run fails."""
        if happened:
            self.seen[what] += 1
        else:
            self.failures.append(f"not seen: {what}")


Fault = Callable[[Stage], Awaitable[None]]


async def promote_other(stage: Stage) -> None:
    """Promote the model that is not active."""
    other = "SELECT number FROM models WHERE number NOT IN (SELECT model_number FROM active_model)"
    number = await asyncio.to_thread(stage.installation.number, other)
    await promote(stage.installation.database_url, number)


async def becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether the condition becomes true in time."""
    return await asyncio.to_thread(eventually, condition, seconds)


def metrics_of(member: Member) -> str:
    """Return a consumer's metrics; an empty string while it does not answer."""
    try:
        return get(f"{member.process.health()}/metrics")[1]
    except (OSError, ValueError):
        return ""
