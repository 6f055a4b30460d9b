import gc
from collections.abc import Iterator

import pytest

from liuyan.collector import spare_batches


@pytest.fixture
def collections() -> Iterator[list[object]]:
    """The collections that begin during a test."""
    begun: list[object] = []
    threshold = gc.get_threshold()

    def note(phase: str, details: dict[str, int]) -> None:
        if phase == "start":
            begun.append(details)

    gc.callbacks.append(note)
    yield begun
    gc.callbacks.remove(note)
    gc.set_threshold(*threshold)


def test_batches_start_no_collection_and_cycles_do(collections: list[object]) -> None:
    spare_batches()
    collections.clear()
    for _ in range(20):
        [[number] for number in range(10_000)]
    assert not collections
    for _ in range(60_000):
        cycle: list[object] = []
        cycle.append(cycle)
    assert collections
