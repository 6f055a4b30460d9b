"""Measure the memory for records that are small on the wire and large after decompression.

A consumer labels a few comments, then reads such records, one per partition, and stores them as dead letters. `python
-m benchmarks.large_record` prints peak memory (the kernel's VmHWM) for one record and for four.
"""

import asyncio
import json
import re
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer

from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from tests.harness import Installation, Process, comment

RECORD_BYTES = 60_000_000
PARTITIONS = 4
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Peaks:
    """Peak resident memory in bytes, before and after the large records."""

    before: int
    after: int


def large_value() -> bytes:
    """Return an event that is valid except for its size. It compresses to a few hundred kB."""
    event = json.loads(comment("large", "很好").value or b"")
    noise = secrets.token_hex(100_000)
    event["more"] = noise + "好" * ((RECORD_BYTES - len(noise)) // 3)
    return json.dumps(event, ensure_ascii=False).encode()


async def measure(ours: Installation, records: int) -> Peaks:
    """Consume ``records`` large records from a new topic."""
    ours.migrate()
    done = ours.run("consumer", "create-topic", ours.topic, "--partitions", str(PARTITIONS))
    assert done.returncode == 0, done.stderr
    await ours.publish(comment(number, "很好") for number in range(100))
    with ours.consumer() as consumer:
        ours.wait_for(lambda: ours.stored() == 100, seconds=120, process=consumer)
        before = peak(consumer)
        await publish(ours, records)
        ours.wait_for(lambda: ours.stored() == 100 + records, seconds=120, process=consumer)
        after = peak(consumer)
    found = ours.query("SELECT reason, truncated FROM dead_letters")
    assert [tuple(row) for row in found] == [("too_large", 1)] * records, found
    return Peaks(before, after)


async def publish(ours: Installation, records: int) -> None:
    """Publish one large record, compressed with zstd, to each of the first partitions."""
    value = large_value()
    async with AIOKafkaProducer(
        bootstrap_servers=ours.kafka, compression_type="zstd", max_request_size=2 * RECORD_BYTES
    ) as producer:
        for partition in range(records):
            await producer.send_and_wait(ours.topic, value, key=b"forum:large", partition=partition)


def peak(process: Process) -> int:
    """Return the peak resident memory of a process in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.popen.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def run() -> None:
    """Measure and print the peaks."""
    with tempfile.TemporaryDirectory() as folder, Kafka() as kafka, MySQL() as mysql:
        for records in (1, PARTITIONS):
            name = f"large_{secrets.token_hex(4)}"
            mysql.create_database(name)
            peaks = asyncio.run(measure(Installation(kafka.bootstrap, name, mysql.url(name), Path(folder)), records))
            sys.stdout.write(
                f"{records} records of {RECORD_BYTES / MEBIBYTE:.0f} MiB: "
                f"peak {peaks.before / MEBIBYTE:,.0f} MiB before, {peaks.after / MEBIBYTE:,.0f} MiB after\n"
            )


if __name__ == "__main__":
    run()
