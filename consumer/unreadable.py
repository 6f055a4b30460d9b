"""Records that aiokafka cannot read: which errors say so, and the reason that the paused partition's row keeps.

aiokafka decompresses and decodes inside ``getmany``, so a damaged record raises there, often as an error of the codec's
library. Reading it again does not help, and aiokafka names neither the partition nor the offset.
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

# Errors that reading again cannot fix and that belong to one partition. ValueError covers a header name that is not
# UTF-8 and a malformed length.
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
# A checksum can fail because of the network: only an error that repeats belongs to the record.
ATTEMPTS = 3
SEARCH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The record at which reading a partition fails; ``skip_to`` is the next readable offset, where it is known."""

    partition: TopicPartition
    offset: int
    error: Exception
    skip_to: int | None = None

    @property
    def damaged(self) -> bool:
        """Whether the record itself is at fault: skipping it helps."""
        return not isinstance(self.error, TopicAuthorizationFailedError | UnsupportedCodecError)

    @property
    def reason(self) -> str:
        """What is wrong and how to continue, for the partition's row."""
        topic, number = self.partition.topic, self.partition.partition
        resume = f"`liuyan consumer resume {topic} {number}`"
        if isinstance(self.error, TopicAuthorizationFailedError):
            return f"Kafka refuses to let us read topic {topic}: allow READ to our user, then {resume}"
        if isinstance(self.error, UnsupportedCodecError):
            return (
                f"the record at offset {self.offset} cannot be read ({describe(self.error)}): install "
                f"`aiokafka[lz4,snappy,zstd]`, then {resume}"
            )
        to = self.offset + 1 if self.skip_to is None else self.skip_to
        return (
            f"the record at offset {self.offset} cannot be read ({describe(self.error)}): repair the log and run "
            f"{resume}, or skip {to - self.offset} offsets with `liuyan consumer seek {topic} {number} --to {to}`"
        )


class Search:
    """Finds the partition and offset of an error: active while partitions are polled record by record.

    Without a clock of its own; ``now`` is in seconds.
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
        """Stop: the record was found."""
        self._error = None
        self._failures.clear()

    def active(self, now: float) -> bool:
        """Whether to poll record by record; ends when no error came for a while."""
        if self._error is not None and now >= self._until:
            self.end()
        return self._error is not None

    @property
    def error(self) -> Exception | None:
        """The latest error; None when no search is active."""
        return self._error

    def failed(self, found: Unreadable, now: float) -> bool:
        """Count a failure; True when it repeated often enough to belong to the record."""
        self.begin(found.error, now)
        place = (found.partition, found.offset)
        self._failures[place] = self._failures.get(place, 0) + 1
        return self._failures[place] >= ATTEMPTS


def describe(error: Exception) -> str:
    """An error in a few words."""
    if isinstance(error, CorruptRecordException) and error.args:
        return "its checksum or format is wrong"
    if isinstance(error, RecordTooLargeError):
        return "it is larger than a fetch"
    if isinstance(error, UnsupportedCodecError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def broker_fault(bootstrap: str, error: KafkaError) -> str:
    """One sentence on an error of a question to the broker."""
    if isinstance(error, KafkaConnectionError | KafkaTimeoutError):
        return f"Kafka at {bootstrap} does not answer ({error}): is it running?"
    return f"Kafka at {bootstrap} refuses the request: {error}."
