"""An open batch waits for as long as the target latency permits, and for room in the pipeline."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast
from unittest.mock import patch

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from consumer.batcher import Batcher, Limits
from consumer.linger import LEAST_SHARE, MORE_SECONDS, POSITIONS_SECONDS, Linger, arrived_at
from consumer.source import BEHIND_SECONDS, Behind, Poll
from consumer.worker import PreparedRecord
from tests.consumer.scripted import Answer, Consumer, Database, Entry, Log, VirtualTime

PARTITION = TopicPartition("comments", 0)
LIMITS = Limits(records=1_000, tokens=1_000_000, size=1_000_000)
TARGET = 0.1


@dataclass(frozen=True)
class Item:
    tokens: int = 1
    size: int = 1


@dataclass(frozen=True)
class Timestamp:
    timestamp: int


def opened(records: int, *, arrived_at: float = 0.0, now: float = 0.0) -> Batcher[Item]:
    batcher: Batcher[Item] = Batcher(LIMITS)
    batcher.begin(PARTITION, 0)
    batcher.add([Item()] * records, {PARTITION: records + 1}, arrived_at=arrived_at, now=now)
    return batcher


def test_a_batch_waits_for_the_part_of_the_target_that_the_work_does_not_need() -> None:
    linger = Linger(TARGET)
    for _ in range(100):
        linger.stored(0.02)
    assert linger.seconds == pytest.approx(0.08, abs=0.001)
    assert linger.seconds_left(opened(1, arrived_at=9.97, now=10), 10, more=False) == pytest.approx(0.05, abs=0.001)
    assert linger.seconds_left(opened(1, arrived_at=9.91, now=9.92), 10, more=False) == 0


def test_varying_durations_leave_less_time_than_steady_ones() -> None:
    steady, varying = Linger(TARGET), Linger(TARGET)
    for number in range(100):
        steady.stored(0.02)
        varying.stored(0.01 if number % 2 else 0.03)
    assert varying.seconds < steady.seconds - 0.01


def test_slow_batches_leave_a_part_of_the_target_and_are_forgotten_after_a_few_fast_ones() -> None:
    linger = Linger(TARGET)
    linger.stored(60)
    assert linger.seconds == pytest.approx(LEAST_SHARE * TARGET)
    for _ in range(30):
        linger.stored(0.01)
    assert linger.seconds > 0.07


def test_a_batch_waits_at_least_as_long_as_batches_take() -> None:
    linger = Linger(0.02)
    for number in range(100):
        linger.stored(0.006 if number % 2 else 0.012)
    assert linger.seconds == pytest.approx(0.009, abs=0.001)


def test_a_batch_of_late_records_still_waits_as_long_as_a_batch_takes() -> None:
    linger = Linger(TARGET)
    for _ in range(100):
        linger.stored(0.02)
    late = opened(1, arrived_at=9.2, now=10)
    assert linger.seconds_left(late, 10, more=False) == pytest.approx(0.02, abs=0.001)
    assert linger.seconds_left(late, 10.03, more=False) == 0


def test_a_batch_without_records_waits_a_second() -> None:
    linger = Linger(TARGET)
    assert linger.seconds_left(opened(0, now=5), 5.25, more=False) == POSITIONS_SECONDS - 0.25
    assert linger.seconds_left(Batcher[Item](LIMITS), 5, more=False) is None


def test_a_batch_waits_for_records_that_are_known_to_exist() -> None:
    linger = Linger(TARGET)
    linger.stored(60)
    batcher = opened(1, arrived_at=4.92, now=5)
    assert linger.seconds_left(batcher, 5.01, more=True) == pytest.approx(MORE_SECONDS - 0.01)
    assert linger.seconds_left(batcher, 5.02, more=True) == 0
    assert Linger(0.01).seconds_left(batcher, 5.01, more=True) == 0


def test_a_full_batch_and_a_pause_wait_for_nothing() -> None:
    linger = Linger(TARGET)
    assert linger.seconds_left(opened(1_000), 0, more=True) == 0
    batcher = opened(1)
    batcher.pause(PARTITION, "reason", now=0)
    assert linger.seconds_left(batcher, 0, more=True) == 0


def records(*seconds_ago: float) -> list[ConsumerRecord]:
    now = time.time()
    return [cast(ConsumerRecord, Timestamp(int(1_000 * (now - seconds)))) for seconds in seconds_ago]


def test_a_record_has_waited_since_its_timestamp() -> None:
    assert arrived_at(records(0.1, 0.3, 0.2), 50) == pytest.approx(49.7, abs=0.05)


@pytest.mark.parametrize("useless", [3_600, -3_600])
def test_useless_timestamps_count_as_now(useless: float) -> None:
    assert arrived_at(records(useless), 50) == 50
    assert arrived_at([cast(ConsumerRecord, Timestamp(-1))], 50) == 50


class Scene:
    """A consumer of one partition, on a virtual clock, with the size of every stored batch."""

    def __init__(self, latency_seconds: float) -> None:
        self.loop = VirtualTime()
        self.log = Log({0: []})
        self.database = Database(self.log)
        self.consumer = self.loop.run_until_complete(self._start(latency_seconds))
        self.wait(3)

    async def _start(self, latency_seconds: float) -> Consumer:
        consumer = Consumer(0, self.log, self.database, self.loop, LIMITS, latency_seconds=latency_seconds)
        await consumer.member.rebalance([0])
        return consumer

    def publish(self, count: int, entry: Entry = Entry.COMMENT) -> None:
        self.log.partitions[0] += [entry] * count

    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.consumer.check()

    @property
    def batches(self) -> float:
        return self.consumer.pipeline.writes


Scenes = Callable[[float], Scene]


@pytest.fixture
def scenes() -> Iterator[Scenes]:
    started: list[Scene] = []

    def start(latency_seconds: float) -> Scene:
        started.append(Scene(latency_seconds))
        return started[-1]

    yield start
    for scene in started:
        scene.loop.run_until_complete(scene.consumer.end())
        scene.loop.close()
    patch.stopall()


def test_a_batch_grows_while_earlier_ones_are_written(scenes: Scenes) -> None:
    scene = scenes(0.001)
    scene.database.answers.extend([(Answer.STORED, 5.0)] * 2)
    for _ in range(40):
        scene.publish(1)
        scene.wait(0.1)
    assert scene.batches == 0
    scene.wait(20)
    assert scene.database.all_stored_once()
    # One was being written and one waited; all others arrived meanwhile.
    assert scene.batches == 3


def test_without_work_a_batch_closes_at_once_when_the_target_is_short(scenes: Scenes) -> None:
    scene = scenes(0.001)
    for number in range(1, 6):
        scene.publish(1)
        scene.wait(1)
        assert scene.batches == number


def test_records_of_several_polls_are_prepared_together(scenes: Scenes) -> None:
    scene = scenes(0.4)
    prepared: list[int] = []
    prepare = scene.consumer.worker.prepare

    async def noted(records: Sequence[ConsumerRecord]) -> list[PreparedRecord]:
        prepared.append(len(records))
        return await prepare(records)

    with patch.object(scene.consumer.worker, "prepare", noted):
        for _ in range(10):
            scene.publish(1)
            scene.wait(0.02)
        scene.wait(2)
    assert scene.database.all_stored_once()
    assert prepared == [10]
    assert scene.batches == 1


def test_polls_of_one_epoch_become_one() -> None:
    first, second, next_epoch = (records(0) for _ in range(3))
    earlier = Poll(1, first, {PARTITION: 1}, more=True)
    assert earlier.followed_by(Poll(1, second, {PARTITION: 2})) == Poll(1, [*first, *second], {PARTITION: 2})
    assert earlier.followed_by(Poll(2, next_epoch, {})) == Poll(2, next_epoch, {})
    assert earlier.followed_by(Poll(1, (), {})) == Poll(1, first, {PARTITION: 1})


def test_a_larger_target_makes_fewer_batches(scenes: Scenes) -> None:
    scene = scenes(5)
    for _ in range(20):
        scene.publish(1)
        scene.wait(0.5)
    scene.wait(10)
    assert scene.database.all_stored_once()
    assert scene.batches <= 5


def test_positions_without_records_are_stored_once_per_second(scenes: Scenes) -> None:
    scene = scenes(0.001)
    for _ in range(40):
        scene.publish(1, Entry.GAP)
        scene.publish(1, Entry.COMMENT)
        scene.log.partitions[0][-1] = Entry.GAP
        scene.wait(0.1)
    scene.wait(3)
    assert scene.database.all_stored_once()
    assert 3 <= scene.batches <= 6


def test_an_unreachable_leader_delays_no_batch() -> None:
    behind = Behind()
    stuck, moving = TopicPartition("comments", 0), TopicPartition("comments", 1)
    assert behind.update({stuck: 5}, 10)
    assert behind.update({stuck: 5}, 10 + BEHIND_SECONDS - 0.01)
    assert not behind.update({stuck: 5}, 10 + BEHIND_SECONDS)
    assert behind.update({stuck: 5, moving: 1}, 12)
    assert not behind.update({stuck: 5}, 12.1)
    assert behind.update({stuck: 6}, 12.2)
    assert not behind.update({}, 12.3)
    assert behind.update({stuck: 6}, 99)
