"""Unreadable records: the errors they cause, the search for their offset, and the reason to pause their partition.

aiokafka decompresses and decodes records inside ``getmany``, so a damaged record makes it raise, often an error of the
codec's library. Retrying does not help, and the error names neither partition nor offset.
"""

import gzip
import zlib
from dataclasses import dataclass

import cramjam
from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
    UnsupportedForMessageFormatError,
)

# Permanent errors caused by a single partition. ValueError covers a header name that is not UTF-8 and a malformed
# length.
UNREADABLE = (
    CorruptRecordException,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
    UnsupportedForMessageFormatError,
    cramjam.DecompressionError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,
)
# A checksum can fail because of the network: only a repeated error is attributed to the record.
ATTEMPTS = 3
SEARCH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that cannot be read; ``skip_to`` is the next readable offset, if known."""

    partition: TopicPartition
    offset: int
    error: Exception
    skip_to: int | None = None

    @property
    def damaged(self) -> bool:
        """Whether the record itself is at fault, so that skipping it helps."""
        return not isinstance(self.error, TopicAuthorizationFailedError | UnsupportedCodecError)

    @property
    def reason(self) -> str:
        """The reason for the partition's row: the error and how to continue."""
        topic, number = self.partition.topic, self.partition.partition
        resume = f"`liuyan consumer resume {topic} {number}`"
        if isinstance(self.error, TopicAuthorizationFailedError):
            return f"Kafka refuses access to topic {topic}; grant READ to the consumer's user, then {resume}"
        if isinstance(self.error, UnsupportedCodecError):
            return (
                f"unreadable record at offset {self.offset} ({describe(self.error)}); install "
                f"`aiokafka[lz4,snappy,zstd]`, then {resume}"
            )
        to = self.offset + 1 if self.skip_to is None else self.skip_to
        return (
            f"unreadable record at offset {self.offset} ({describe(self.error)}); repair the log, then {resume}, or "
            f"skip {to - self.offset} offsets with `liuyan consumer seek {topic} {number} --to {to}`"
        )


class Search:
    """Find the partition and offset of a read error. While active, partitions are polled record by record.

    Uses no clock; ``now`` is in seconds.
    """

    def __init__(self) -> None:
        self._error: Exception | None = None
        self._until = 0.0
        self._failures: dict[tuple[TopicPartition, int], int] = {}

    def begin(self, error: Exception, now: float) -> None:
        """Start after an error whose partition is unknown."""
        self._error = error
        self._until = now + SEARCH_SECONDS

    def end(self) -> None:
        """Stop the search."""
        self._error = None
        self._failures.clear()

    def active(self, now: float) -> bool:
        """Return whether to poll record by record. The search ends ``SEARCH_SECONDS`` after the last error."""
        if self._error is not None and now >= self._until:
            self.end()
        return self._error is not None

    @property
    def error(self) -> Exception | None:
        """The latest error, or None if no search is active."""
        return self._error

    def failed(self, found: Unreadable, now: float) -> bool:
        """Count a failed read; return True after ``ATTEMPTS`` failures at the same offset."""
        self.begin(found.error, now)
        place = (found.partition, found.offset)
        self._failures[place] = self._failures.get(place, 0) + 1
        return self._failures[place] >= ATTEMPTS


def describe(error: Exception) -> str:
    """Return a short description of an error."""
    if isinstance(error, CorruptRecordException) and error.args:
        return "invalid checksum or format"
    if isinstance(error, RecordTooLargeError):
        return "larger than a fetch"
    if isinstance(error, UnsupportedCodecError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def broker_fault(bootstrap: str, error: KafkaError) -> str:
    """Return a sentence that explains a failed request to the broker."""
    if isinstance(error, KafkaConnectionError | KafkaTimeoutError):
        return f"Kafka at {bootstrap} does not answer ({error}). Check that it is running."
    return f"Kafka at {bootstrap} refuses the request: {error}."
