"""Inject two or three faults at the same time, from a seeded schedule.

Each fault breaks something and needs other things intact to show what it is meant to show. Faults overlap only if none
breaks what another one breaks or needs; consumers are the exception, because each fault has its own.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from tests.faults import cluster, surroundings
from tests.faults import schedule as of
from tests.faults.stage import Fault, Stage

ONLY_IN_A_CLUSTER: Sequence[Fault] = (cluster.lose_leaders, cluster.lose_controllers)
ALL: Sequence[Fault] = (*of.FAULTS, surroundings.full_disk, surroundings.clocks_off, *ONLY_IN_A_CLUSTER)
GROUP_SIZES = (2, 3)
START_SECONDS = 4.0


class Part(Enum):
    """What faults break: processes, and the connections of consumers to servers."""

    CONSUMERS = auto()
    DATABASE = auto()
    DATABASE_CONNECTIONS = auto()
    KAFKA = auto()
    KAFKA_CONNECTIONS = auto()
    MODEL = auto()


@dataclass(frozen=True)
class Effect:
    """What a fault breaks, and what must be intact meanwhile."""

    breaks: frozenset[Part]
    needs: frozenset[Part] = frozenset()

    def fits(self, other: "Effect") -> bool:
        """Return whether both faults can be injected at the same time."""
        same = (self.breaks & other.breaks) - {Part.CONSUMERS}
        return not (same or self.breaks & other.needs or other.breaks & self.needs)


def _effect(*breaks: Part, needs: Sequence[Part] = ()) -> Effect:
    return Effect(frozenset(breaks), frozenset(needs))


SERVERS = (Part.DATABASE, Part.KAFKA)
CONNECTIONS = (Part.DATABASE_CONNECTIONS, Part.KAFKA_CONNECTIONS)
EVERYTHING = (Part.CONSUMERS, *SERVERS, *CONNECTIONS)
EFFECTS: Mapping[Fault, Effect] = {
    of.kill_consumer: _effect(Part.CONSUMERS),
    of.terminate_consumer: _effect(Part.CONSUMERS),
    of.zombie: _effect(Part.CONSUMERS),
    of.stop_in_transaction: _effect(
        Part.CONSUMERS, Part.DATABASE_CONNECTIONS, needs=(*SERVERS, Part.KAFKA_CONNECTIONS)
    ),
    of.join_and_leave: _effect(Part.CONSUMERS),
    of.rebalance_during_batches: _effect(Part.CONSUMERS, Part.DATABASE_CONNECTIONS),
    of.rebalance_while_database_is_away: _effect(Part.CONSUMERS, Part.DATABASE),
    of.restart_broker: _effect(Part.KAFKA),
    of.kill_broker: _effect(Part.KAFKA),
    of.restart_database: _effect(Part.DATABASE),
    of.kill_database: _effect(Part.DATABASE),
    of.database_away: _effect(Part.DATABASE),
    of.cut_database: _effect(Part.DATABASE_CONNECTIONS),
    of.delay_database: _effect(Part.DATABASE_CONNECTIONS),
    of.half_open_database: _effect(Part.DATABASE_CONNECTIONS),
    of.lose_commits: _effect(Part.DATABASE_CONNECTIONS),
    of.cut_kafka: _effect(Part.KAFKA_CONNECTIONS),
    of.delay_kafka: _effect(Part.KAFKA_CONNECTIONS),
    of.half_open_kafka: _effect(Part.KAFKA_CONNECTIONS),
    of.second_writer: _effect(needs=[Part.DATABASE]),
    of.add_partitions: _effect(needs=[Part.KAFKA]),
    of.promote_model: _effect(Part.MODEL, needs=EVERYTHING),
    of.promote_in_open_batches: _effect(Part.MODEL, needs=SERVERS),
    surroundings.full_disk: _effect(Part.DATABASE, needs=[Part.KAFKA]),
    surroundings.clocks_off: _effect(Part.CONSUMERS, Part.MODEL, needs=(*SERVERS, *CONNECTIONS)),
    cluster.lose_leaders: _effect(Part.KAFKA),
    cluster.lose_controllers: _effect(Part.KAFKA),
}


def groups(rng: random.Random, faults: Sequence[Fault]) -> list[list[Fault]]:
    """Divide the faults into groups of two or three that can be injected at the same time; some may remain alone."""
    waiting = list(faults)
    rng.shuffle(waiting)
    found = []
    while waiting:
        group, size = [waiting.pop(0)], rng.choice(GROUP_SIZES)
        for fault in tuple(waiting):
            if len(group) < size and all(EFFECTS[fault].fits(EFFECTS[one]) for one in group):
                waiting.remove(fault)
                group.append(fault)
        found.append(group)
    return found


async def run_overlapping(stage: Stage, faults: Sequence[Fault], rounds: int, report: Callable[[str], None]) -> None:
    """Inject every fault once per round, in groups whose faults begin a few seconds apart."""
    for number in range(rounds):
        again = [fault for fault in faults if fault is not of.add_partitions or number == 0]
        for group in groups(stage.rng, again):
            report(" + ".join(fault.__name__ for fault in group))
            delays = [0.0, *(stage.rng.uniform(0, START_SECONDS) for _ in group[1:])]
            stage.seen[f"groups of {len(group)} faults at the same time"] += 1
            async with asyncio.TaskGroup() as tasks:
                for fault, delay in zip(group, delays, strict=True):
                    tasks.create_task(_inject(stage, fault, delay))
            await stage.pause(0.5, 2)


async def _inject(stage: Stage, fault: Fault, delay: float) -> None:
    await asyncio.sleep(delay)
    await fault(stage)
    stage.injected[fault.__name__] += 1
