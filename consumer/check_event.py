"""`liuyan consumer check-event`: validate events before a platform publishes them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiokafka.partitioner import murmur2

from consumer.event import Rejection, parse, parse_value, split_frame
from store.named_comment import FRAME_BYTES, FRAME_START


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one line: key and partition of a valid event, or the reason why it is invalid.

    ``note`` explains what is unusual about a valid event.
    """

    line: int
    key: str | None
    partition: int | None
    reason: str | None
    detail: str | None
    note: str | None = None


def check_lines(lines: Iterable[bytes], partitions: int, now: float | None = None) -> Iterator[Verdict]:
    """Check each line as the value of a record published now with the right key. Skip empty lines."""
    timestamp = int((time.time() if now is None else now) * 1000)
    for number, line in _whole_values(lines):
        value = line.rstrip(b"\r\n")
        if value:
            yield _check(number, value, partitions, timestamp)


def _whole_values(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number. A byte 10 in the schema id of a frame is not a line break."""
    value, first = b"", 0
    for number, line in enumerate(lines, start=1):
        first = first if value else number
        value += line
        if value.startswith(FRAME_START) and len(value) <= FRAME_BYTES:
            continue
        yield first, value
        value = b""
    if value:
        yield first, value


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's default partitioner picks: murmur2 of the key, as in the Java client."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def _check(number: int, value: bytes, partitions: int, timestamp: int) -> Verdict:
    event = parse_value(value)
    key = b"" if isinstance(event, Rejection) else event.key.encode()
    parsed = event if isinstance(event, Rejection) else parse(key, value, timestamp)
    if isinstance(parsed, Rejection):
        return Verdict(number, None, None, parsed.reason, parsed.detail)
    schema_id, _ = split_frame(value)
    note = None if schema_id is None else f"the schema registry frame (schema id {schema_id}) is removed"
    return Verdict(number, key.decode(), partition_of(key, partitions), None, None, note)
