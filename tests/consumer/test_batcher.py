"""Each offset of a partition belongs to exactly one batch, and batches are contiguous, for any interleaving."""

from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from consumer.batcher import Batcher, Limits, Span

FIRST, SECOND = TopicPartition("comments", 0), TopicPartition("comments", 1)
LIMITS = Limits(records=4, tokens=100, size=1_000)


@dataclass(frozen=True)
class Item:
    tokens: int = 1
    size: int = 1


def started_batcher(limits: Limits = LIMITS) -> Batcher[Item]:
    batcher: Batcher[Item] = Batcher(limits)
    batcher.begin(FIRST, 10)
    batcher.begin(SECOND, 20)
    return batcher


def test_batch_closes_at_the_record_limit() -> None:
    batcher = started_batcher()
    batcher.add([Item()] * 3, {FIRST: 13}, arrived_at=0, now=0)
    assert (batcher.room(), batcher.urgent) == (1, False)
    batcher.add([Item()], {FIRST: 14}, arrived_at=0, now=0)
    assert (batcher.room(), batcher.urgent) == (0, True)


def test_batch_closes_at_the_token_and_byte_limits() -> None:
    long, large = started_batcher(), started_batcher()
    long.add([Item(tokens=60), Item(tokens=39)], {FIRST: 12}, arrived_at=0, now=0)
    assert not long.urgent
    long.add([Item(tokens=1)], {FIRST: 13}, arrived_at=0, now=0)
    large.add([Item(size=1_000)], {FIRST: 11}, arrived_at=0, now=0)
    assert long.urgent
    assert large.urgent


def test_times_are_those_of_the_oldest_record_and_the_first_poll() -> None:
    batcher = started_batcher()
    assert (batcher.opened_at, batcher.arrived_at) == (None, None)
    batcher.add([], {FIRST: 11}, arrived_at=4, now=4)
    assert (batcher.opened_at, batcher.arrived_at) == (4, None)
    batcher.add([Item()], {FIRST: 12}, arrived_at=5, now=6)
    batcher.add([Item()], {FIRST: 13}, arrived_at=4.5, now=7)
    assert (batcher.opened_at, batcher.arrived_at) == (4, 4.5)
    assert batcher.close(epoch=1).polled_at == 7
    assert (batcher.opened_at, batcher.arrived_at) == (None, None)


def test_expected_records_open_the_batch() -> None:
    batcher = started_batcher()
    batcher.expect(arrived_at=3, now=4)
    assert (batcher.opened_at, batcher.arrived_at) == (4, 3)
    batcher.add([Item()], {FIRST: 11}, arrived_at=3.5, now=5)
    assert (batcher.opened_at, batcher.arrived_at) == (4, 3)


def test_batch_covers_offsets_without_records() -> None:
    batcher = started_batcher()
    batcher.add([], {FIRST: 12, SECOND: 20}, arrived_at=0, now=0)
    closed = batcher.close(epoch=3)
    assert closed.spans == {FIRST: Span(10, 12)}
    assert (closed.records, closed.epoch) == ((), 3)


def test_next_batch_begins_where_the_last_one_ended() -> None:
    batcher = started_batcher()
    batcher.add([Item()], {FIRST: 15, SECOND: 21}, arrived_at=0, now=0)
    batcher.close(epoch=1)
    batcher.add([Item()], {FIRST: 16, SECOND: 21}, arrived_at=0, now=0)
    assert batcher.close(epoch=1).spans == {FIRST: Span(15, 16)}


def test_pause_closes_the_batch_at_the_current_offset() -> None:
    batcher = started_batcher()
    batcher.add([Item()], {FIRST: 11, SECOND: 20}, arrived_at=0, now=0)
    assert not batcher.urgent
    batcher.pause(FIRST, "first reason", now=0)
    batcher.pause(SECOND, "second reason", now=0)
    assert batcher.urgent
    closed = batcher.close(epoch=1)
    assert closed.spans == {FIRST: Span(10, 11), SECOND: Span(20, 20)}
    assert closed.pauses == {FIRST: "first reason", SECOND: "second reason"}
    assert not batcher.urgent
    assert batcher.close(epoch=1).pauses == {}


def test_invalid_calls_raise() -> None:
    batcher = started_batcher()
    with pytest.raises(ValueError, match="moved back"):
        batcher.add([], {FIRST: 9}, arrived_at=0, now=0)
    with pytest.raises(ValueError, match="begun"):
        batcher.begin(FIRST, 10)


@given(st.lists(st.tuples(st.sampled_from(["add", "close", "clear"]), st.integers(0, 3), st.integers(0, 1))))
def test_spans_are_contiguous_for_any_interleaving(steps: list[tuple[str, int, int]]) -> None:
    batcher = started_batcher()
    position, closed = {FIRST: 10, SECOND: 20}, {FIRST: 10, SECOND: 20}
    for step, count, index in steps:
        partition = (FIRST, SECOND)[index]
        if step == "add":
            position[partition] += count
            batcher.add([Item()] * count, dict(position), arrived_at=0, now=0)
        elif step == "close":
            for moved, span in batcher.close(epoch=1).spans.items():
                assert span.begin == closed[moved]
                assert span.end == position[moved] > span.begin
                closed[moved] = span.end
        else:
            batcher.clear()
            # The open batch is dropped, so reading restarts after the last closed batch.
            position = dict(closed)
            for restarted, offset in closed.items():
                batcher.begin(restarted, offset)
