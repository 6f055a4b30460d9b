"""Where a partition begins: by the stored row and the log's edges, never by Kafka's committed offset."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from liuyan.consumer.positions import Jump, Run, Stop, where_to_begin
from liuyan.consumer.source import LogEdges
from liuyan.store.batch import PartitionKey, PartitionState

STATE = PartitionState(PartitionKey("group", "comments", 3), 50, "id-1", 0, None, None, datetime.now(UTC))


@pytest.mark.parametrize("edges", [LogEdges(0, 100), LogEdges(50, 50), LogEdges(50, 51)])
@pytest.mark.parametrize("topic_id", ["id-1", None])
def test_the_stored_offset_within_the_log_is_where_it_goes_on(edges: LogEdges, topic_id: str | None) -> None:
    assert where_to_begin(STATE, edges, topic_id) == Run(50)


def test_retention_that_overtook_is_a_jump_that_counts_what_is_lost() -> None:
    assert where_to_begin(STATE, LogEdges(70, 100), "id-1") == Jump(70, 20)


@pytest.mark.parametrize(
    ("edges", "topic_id"),
    [(LogEdges(0, 100), "id-2"), (LogEdges(0, 49), "id-1"), (LogEdges(0, 49), None), (LogEdges(70, 100), "id-2")],
)
def test_a_topic_made_anew_stops_with_the_command_that_mends_it(edges: LogEdges, topic_id: str | None) -> None:
    decision = where_to_begin(STATE, edges, topic_id)
    assert isinstance(decision, Stop)
    assert not decision.stored
    assert "liuyan consumer seek comments 3 --to start" in decision.reason


def test_a_stored_pause_stands_whatever_the_log_says() -> None:
    paused = replace(STATE, paused_reason="poison brake")
    assert where_to_begin(paused, LogEdges(0, 100), "id-1") == Stop("poison brake", stored=True)
