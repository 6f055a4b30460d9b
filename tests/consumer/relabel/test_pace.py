"""The rate of a replay, its lag limit and its progress are computed without a clock."""

from datetime import UTC, datetime

import pytest

from consumer.relabel.pace import Pace, lag_seconds
from consumer.relabel.progress import SPEED_SECONDS, Speed, Status, duration
from consumer.status import PartitionStatus
from store.relabel_parts import Done
from store.relabel_runs import Range, RelabelRun


def test_a_process_that_keeps_up_reads_at_its_rate() -> None:
    pace, now = Pace(), 1_000.0
    for _ in range(1_000):
        now += 0.05 + pace.delay(50, 200.0, now)
    assert (now - 1_000) == pytest.approx(1_000 * 50 / 200, rel=0.02)


def test_a_slow_process_does_not_catch_up_with_a_burst() -> None:
    pace = Pace()
    assert pace.delay(100, 100.0, 0.0) == pytest.approx(1.0)
    assert pace.delay(100, 100.0, 60.0) == pytest.approx(0.0)
    assert pace.delay(100, 100.0, 60.0) == pytest.approx(1.0)


def test_a_batch_is_short_at_a_low_rate() -> None:
    pace = Pace()
    assert pace.limit(None, 512) == 512
    assert pace.limit(100.0, 512) == 50
    assert pace.limit(0.5, 512) == 1
    assert pace.limit(1e6, 512) == 512
    assert pace.delay(10, None, 5.0) == 0


def status(seconds: float | None, paused: str | None = None) -> PartitionStatus:
    return PartitionStatus("comments", 0, 5, 0, 10, 5, seconds, 0, paused)


def test_paused_partitions_do_not_count_for_the_lag() -> None:
    assert lag_seconds([]) == 0
    assert lag_seconds([status(3.0), status(None), status(90.0, "paused by hand")]) == 3


def test_progress_shows_speed_time_left_and_flips() -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    run = RelabelRun(1, "replay", 2, 1, Range(), None, "log", "running", "wang", at, None, 1_500, 1_200, 34, 0)
    speed = Speed()
    assert speed.add("records", 1_000, 10.0) == 0
    assert speed.add("records", 1_500, 20.0) == 50
    assert speed.add("records", 1_500, 20.0 + 2 * SPEED_SECONDS) == 0
    assert speed.add("comment numbers", 5, 90.0) == 0
    shown = Status("records", Done(1_500, 6_000), 50.0, run, None).text
    assert shown == "1,500 of 6,000 records, 4,500 remaining, 50/s, 2 min left, 1,200 predictions added, 34 flipped"
    assert Status("records", Done(0, 6_000), 0.0, run, 12.3).text.endswith("34 flipped, waiting: consumers lag 12 s")
    fields = {"unit": "records", "read": 1_500, "remaining": 4_500, "per_second": 50.0, "seconds_left": 90}
    fields |= {"added": 1_200, "flipped": 34}
    assert Status("records", Done(1_500, 6_000), 50.0, run, None).fields == fields
    assert Status("records", Done(1_500, 6_000), 50.0, run, 12.3).fields["waiting_for_lag_seconds"] == 12
    assert (duration(89), duration(600), duration(9_000)) == ("89 s", "10 min", "2.5 h")
