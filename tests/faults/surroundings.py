"""Faults of the machines around the consumers: a full disk, wrong clocks."""

import asyncio
import re
import signal
import time

import pymysql
from sqlalchemy.exc import DBAPIError

from tests.faults.clock import DAY
from tests.faults.fleet import Member
from tests.faults.schedule import traffic
from tests.faults.stage import Stage, becomes_true, metrics_of, promote_other

# MySQL and its tables need about 250 MB; the rest is for the load.
DISK_MEGABYTES = 800
# A server that waits for space looks every 60 s whether there is some.
RETRY_SECONDS = 150
COMPLAINTS = re.compile(r"No space left on device|table '[^']*' is full", re.IGNORECASE)
LAST_STORED = re.compile(r"^liuyan_consumer_last_stored_timestamp_seconds (\S+)", re.MULTILINE)
CLOCK_SECONDS = 60
TOLERANCE = 3_600


async def full_disk(stage: Stage) -> None:
    """Fill the database's disk for the duration of an outage: writes fail or wait, and nothing may be lost."""
    disk = stage.mysql.disk
    assert disk is not None
    before, until = _complaints(stage), time.monotonic() + stage.outage
    async with traffic(stage):
        while time.monotonic() < until:
            await asyncio.to_thread(disk.fill)  # Again and again, because the server frees space of its own.
            await asyncio.sleep(1)
    stage.require(disk.free_bytes() < 1 << 20, "full disks at the end of the outage")
    stage.require(_complaints(stage) > before, "errors because of a full disk")
    disk.free()
    if not stage.mysql.running:
        stage.seen["database servers that a full disk ended"] += 1
        await asyncio.to_thread(stage.mysql.start)
    if not await becomes_true(lambda: _writes_again(stage), RETRY_SECONDS):
        stage.failures.append(f"the database does not write {RETRY_SECONDS} s after there was space again")


def _complaints(stage: Stage) -> int:
    outputs = [stage.mysql.log.read_text(errors="replace"), *(one.process.output() for one in stage.fleet.members)]
    return sum(len(COMPLAINTS.findall(output)) for output in outputs)


def _writes_again(stage: Stage) -> bool:
    try:
        with (
            pymysql.connect(**stage.installation.address(), read_timeout=10) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("CREATE TABLE IF NOT EXISTS after_full_disk (n INT)")
    except (pymysql.MySQLError, DBAPIError):
        time.sleep(1)
        return False
    return True


async def clocks_off(stage: Stage) -> None:
    """Set the clock of one consumer a day ahead and of another a day back, promote a model, and kill the first.

    Times of the former must neither hide comments from the search for missing predictions nor keep leases of a dead
    process for a day.
    """
    with stage.borrow() as fast, stage.borrow() as slow:
        assert fast.clock is not None
        assert slow.clock is not None
        await becomes_true(lambda: all(LAST_STORED.search(metrics_of(one)) for one in (fast, slow)), CLOCK_SECONDS)
        fast.clock.set(DAY)
        slow.clock.set(-DAY)
        async with traffic(stage):
            for member, ahead in ((fast, DAY), (slow, -DAY)):
                is_off = await becomes_true(lambda: _stores_with_clock(member, ahead), CLOCK_SECONDS)  # noqa: B023
                stage.require(is_off, f"consumers that store with a clock {ahead // DAY:+} day off")
            await promote_other(stage)
            await stage.pause(1, 3)
            await stage.fleet.leave(fast, signal.SIGKILL)
            fast.clock.set(0)
            stage.fleet.restart(fast)
            await stage.pause(3, 5)
        slow.clock.set(0)


def _stores_with_clock(member: Member, ahead: int) -> bool:
    found = LAST_STORED.search(metrics_of(member))
    return found is not None and abs(float(found[1]) - time.time() - ahead) < TOLERANCE
