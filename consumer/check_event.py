"""`liuyan consumer check-event`: what would become of what a platform is about to publish."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiokafka.partitioner import murmur2

from consumer.event import FRAME_BYTES, FRAME_START, Rejection, parse, parse_value, split_frame


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Liuyan says of one line: its key and partition when it is valid, else the reason.

    ``note`` explains what is unusual about a valid one.
    """

    line: int
    key: str | None
    partition: int | None
    reason: str | None
    detail: str | None
    note: str | None = None


def check_lines(lines: Iterable[bytes], partitions: int, now: float | None = None) -> Iterator[Verdict]:
    """Judge each line as the value of a record published now with the right key; empty lines are skipped."""
    timestamp = int((time.time() if now is None else now) * 1000)
    for number, line in _whole_values(lines):
        value = line.rstrip(b"\r\n")
        if value:
            yield _judge(number, value, partitions, timestamp)


def _whole_values(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each line with its number; a line break within a schema registry's frame (a byte of the id is 10) ends none."""
    begun, first = b"", 0
    for number, line in enumerate(lines, start=1):
        first = first if begun else number
        begun += line
        if begun.startswith(FRAME_START) and len(begun) <= FRAME_BYTES:
            continue
        yield first, begun
        begun = b""
    if begun:
        yield first, begun


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner picks: murmur2 of the key, as in the Java client."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def _judge(number: int, value: bytes, partitions: int, timestamp: int) -> Verdict:
    event = parse_value(value)
    key = b"" if isinstance(event, Rejection) else event.key.encode()
    parsed = event if isinstance(event, Rejection) else parse(key, value, timestamp)
    if isinstance(parsed, Rejection):
        return Verdict(number, None, None, parsed.reason, parsed.detail)
    schema_id, _ = split_frame(value)
    note = None if schema_id is None else f"the frame of schema {schema_id} before the JSON is removed"
    return Verdict(number, key.decode(), partition_of(key, partitions), None, None, note)
