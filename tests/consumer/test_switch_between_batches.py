"""The pipeline switches models between two batches, and frees the previous one even if no record follows."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from consumer.batcher import Limits
from tests.consumer.scripted import Consumer, Database, Entry, Log, VirtualTime

LIMITS = Limits(records=4, tokens=1_000, size=1_000)


class Scene:
    """A consumer of one partition, on a virtual clock."""

    def __init__(self) -> None:
        self.loop = VirtualTime()
        self.log = Log({0: []})
        self.database = Database(self.log)
        self.consumer = self.loop.run_until_complete(self._start())
        self.wait(3)

    async def _start(self) -> Consumer:
        consumer = Consumer(0, self.log, self.database, self.loop, LIMITS, latency_seconds=60)
        await consumer.member.rebalance([0])
        return consumer

    def publish(self, count: int) -> None:
        self.log.partitions[0] += [Entry.COMMENT] * count

    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.consumer.check()


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.loop.run_until_complete(scene.consumer.end())
    patch.stopall()
    scene.loop.close()


def test_the_previous_model_is_freed_without_another_batch(scene: Scene) -> None:
    scene.publish(12)
    scene.wait(3)
    freed = weakref.ref(scene.consumer.models.loaded.labeller)
    gc.collect()
    gc.disable()  # The consumer excludes what exists at its start from garbage collection.
    try:
        scene.consumer.models.promote()
        scene.wait(2)
        assert freed() is None
    finally:
        gc.enable()
    assert scene.database.all_stored_once()


def test_an_open_batch_is_closed_by_a_promotion(scene: Scene) -> None:
    for number in (1, 2):
        scene.publish(1)
        scene.wait(3)
        assert len(scene.database.stored) == number - 1
        scene.consumer.models.promote()
        scene.wait(2)
        assert scene.database.models == [1, 2][:number]
    assert scene.database.all_stored_once()


def test_without_its_model_it_takes_no_records_and_resumes(scene: Scene) -> None:
    scene.consumer.models.lose()
    scene.wait(3)
    scene.publish(10)
    scene.wait(120)
    assert scene.database.stored == []
    assert scene.consumer.pipeline.holding
    # A rebalance in the meantime starts nothing.
    scene.loop.run_until_complete(scene.consumer.member.rebalance([0]))
    scene.wait(30)
    assert scene.database.stored == []
    scene.consumer.models.promote()
    scene.wait(70)
    assert scene.database.all_stored_once()
    assert set(scene.database.models) == {2}
