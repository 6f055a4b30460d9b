"""Whatever comes between, each offset of a partition belongs to exactly one batch, and batches follow one another."""

from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from consumer.batcher import Batcher, Limits, Span

FIRST, SECOND = TopicPartition("comments", 0), TopicPartition("comments", 1)
LIMITS = Limits(records=4, padded_tokens=100, size=1_000, age_seconds=1.0)


@dataclass(frozen=True)
class Item:
    tokens: int = 1
    size: int = 1


def begun(limits: Limits = LIMITS) -> Batcher[Item]:
    batcher: Batcher[Item] = Batcher(limits)
    batcher.begin(FIRST, 10)
    batcher.begin(SECOND, 20)
    return batcher


def test_a_batch_closes_on_its_number_of_records() -> None:
    batcher = begun()
    batcher.add([Item()] * 3, {FIRST: 13}, now=0)
    assert (batcher.room(), batcher.due(0)) == (1, False)
    batcher.add([Item()], {FIRST: 14}, now=0)
    assert (batcher.room(), batcher.due(0)) == (0, True)


def test_a_batch_closes_on_padded_tokens_and_on_bytes() -> None:
    padded, large = begun(), begun()
    padded.add([Item(tokens=50), Item(tokens=1)], {FIRST: 12}, now=0)
    large.add([Item(size=1_000)], {FIRST: 11}, now=0)
    assert padded.due(0)
    assert large.due(0)


def test_a_batch_closes_on_its_age_counted_from_its_first_record() -> None:
    batcher = begun()
    assert batcher.seconds_left(5) is None
    batcher.add([Item()], {FIRST: 11}, now=5)
    batcher.add([Item()], {FIRST: 12}, now=5.5)
    assert batcher.seconds_left(5.75) == pytest.approx(0.25)
    assert not batcher.due(5.75)
    assert batcher.due(6)


def test_a_position_that_moved_without_a_record_is_part_of_the_batch() -> None:
    batcher = begun()
    batcher.add([], {FIRST: 12, SECOND: 20}, now=0)
    assert batcher.due(1)
    closed = batcher.close(epoch=3)
    assert closed.spans == {FIRST: Span(10, 12)}
    assert (closed.records, closed.epoch) == ((), 3)


def test_the_next_batch_begins_where_the_one_before_ends() -> None:
    batcher = begun()
    batcher.add([Item()], {FIRST: 15, SECOND: 21}, now=0)
    batcher.close(epoch=1)
    batcher.add([Item()], {FIRST: 16, SECOND: 21}, now=0)
    assert batcher.close(epoch=1).spans == {FIRST: Span(15, 16)}


def test_a_pause_closes_the_batch_at_once_at_the_end_of_what_was_read() -> None:
    batcher = begun()
    batcher.add([Item()], {FIRST: 11, SECOND: 20}, now=0)
    assert not batcher.due(0)
    batcher.pause(FIRST, "cannot be read", now=0)
    batcher.pause(SECOND, "nor this", now=0)
    assert batcher.due(0)
    closed = batcher.close(epoch=1)
    assert closed.spans == {FIRST: Span(10, 11), SECOND: Span(20, 20)}
    assert closed.pauses == {FIRST: "cannot be read", SECOND: "nor this"}
    assert not batcher.due(0)
    assert batcher.close(epoch=1).pauses == {}


def test_what_cannot_be_is_refused() -> None:
    batcher = begun()
    with pytest.raises(ValueError, match="moved back"):
        batcher.add([], {FIRST: 9}, now=0)
    with pytest.raises(ValueError, match="begun"):
        batcher.begin(FIRST, 10)


@given(st.lists(st.tuples(st.sampled_from(["add", "close", "clear"]), st.integers(0, 3), st.integers(0, 1))))
def test_spans_form_one_chain_however_steps_interleave(steps: list[tuple[str, int, int]]) -> None:
    batcher = begun()
    position, chain = {FIRST: 10, SECOND: 20}, {FIRST: 10, SECOND: 20}
    for step, count, which in steps:
        partition = (FIRST, SECOND)[which]
        if step == "add":
            position[partition] += count
            batcher.add([Item()] * count, dict(position), now=0)
        elif step == "close":
            for moved, span in batcher.close(epoch=1).spans.items():
                assert span.begin == chain[moved]
                assert span.end == position[moved] > span.begin
                chain[moved] = span.end
        else:
            batcher.clear()
            # What was open is lost, so reading goes back to what the chain had reached.
            position = dict(chain)
            for again, offset in chain.items():
                batcher.begin(again, offset)
