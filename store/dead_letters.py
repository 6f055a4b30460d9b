"""Dead letters as rows: what a record held, kept whole or, where it is too large for the database, its beginning."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence

from store.batch import Arrival, DeadLetter, Tombstone

# What is kept of a key, of a value and of the headers when a letter is truncated: enough to see what it was.
TRUNCATED_BYTES = 4_096
# A larger key or value, as decompression can make of a small record, is always truncated: its copies in the statement
# would take many times its size, and the database may refuse it.
WHOLE_BYTES = 2 * 1024 * 1024
DETAIL_CHARACTERS = 1_000
REASON_CHARACTERS = 64

Headers = Sequence[tuple[str, bytes | None]]


def key_digest(key: bytes) -> bytes:
    """By this a tombstone finds the dead letters of its key."""
    return hashlib.sha256(key).digest()


def comment_key(platform: str, id: str) -> bytes:
    """The key that a record of this comment has."""
    return f"{platform}:{id}".encode()


def surviving(records: Iterable[Arrival | Tombstone | DeadLetter]) -> list[DeadLetter]:
    """The dead letters of a batch without those whose key a tombstone behind them erases."""
    kept: list[DeadLetter] = []
    for record in records:
        if isinstance(record, DeadLetter):
            kept.append(record)
        elif kept and isinstance(record, Tombstone):
            key = comment_key(record.platform, record.id)
            kept = [letter for letter in kept if letter.key != key]
    return kept


def dead_letter_row(letter: DeadLetter, truncate: bool) -> dict[str, object]:
    """The letter's row, by column."""
    size = sum(len(part or b"") for part in (letter.key, letter.value, *(value for _, value in letter.headers)))
    truncate = truncate or size > WHOLE_BYTES
    headers = write_headers(letter.headers)
    cut = TRUNCATED_BYTES if truncate else None
    if truncate and len(headers) > TRUNCATED_BYTES:
        headers = "[]"
    return {
        "consumer_group": letter.partition.group,
        "topic": letter.partition.topic,
        "partition": letter.partition.partition,
        "offset": letter.offset,
        "key": _base64(letter.key, cut),
        "key_digest": None if letter.key is None else _base64(key_digest(letter.key), None),
        "value": _base64(letter.value, cut),
        "value_bytes": None if letter.value is None else len(letter.value),
        "headers": headers,
        "truncated": truncate,
        "record_timestamp": letter.timestamp,
        "reason": letter.reason[:REASON_CHARACTERS],
        "detail": truncated(letter.detail),
    }


def truncated(text: str) -> str:
    """A sentence as it is stored: not too long, and without the half surrogates that a bad record may put into it."""
    return text[:DETAIL_CHARACTERS].encode("utf-8", "replace").decode()


def _base64(content: bytes | None, cut: int | None) -> str | None:
    return None if content is None else base64.b64encode(content[:cut]).decode()


def write_headers(headers: Headers) -> str:
    """A record's headers as they are stored: JSON, values in base64, in their order, names more than once too."""
    return json.dumps([[name, _base64(value, None)] for name, value in headers], ensure_ascii=False)


def read_headers(stored: str) -> Headers:
    """The record's headers from what is stored."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in json.loads(stored)]
