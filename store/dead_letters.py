"""Dead letters as rows: the whole record or, if it is too large for the database, its beginning."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence

from store.batch import Arrival, DeadLetter, Tombstone
from store.named_comment import named_comment

# Bytes stored of the key, the value and the headers of a truncated dead letter: enough to recognise it.
TRUNCATED_BYTES = 4_096
# Larger records, which can result from decompression, are always truncated: the statement would need many times their
# size in memory, and the database may refuse it.
WHOLE_BYTES = 2 * 1024 * 1024
DETAIL_CHARACTERS = 1_000
REASON_CHARACTERS = 64

Headers = Sequence[tuple[str, bytes | None]]


def key_digest(key: bytes) -> bytes:
    """Return the digest by which a tombstone finds the dead letters of its comment."""
    return hashlib.sha256(key).digest()


def comment_digest(key: bytes | None, value: bytes | None) -> bytes | None:
    """Return the digest of the comment that a record's value names, or None if it names none."""
    named = named_comment(key, value)
    return None if named is None else key_digest(named)


def comment_key(platform: str, id: str) -> bytes:
    """Return the record key of a comment."""
    return f"{platform}:{id}".encode()


def surviving(records: Iterable[Arrival | Tombstone | DeadLetter]) -> list[DeadLetter]:
    """Return the dead letters of a batch except those that a later tombstone in it erases."""
    kept: list[DeadLetter] = []
    for record in records:
        if isinstance(record, DeadLetter):
            kept.append(record)
        elif kept and isinstance(record, Tombstone):
            key = comment_key(record.platform, record.id)
            kept = [letter for letter in kept if key not in (letter.key, named_comment(letter.key, letter.value))]
    return kept


def dead_letter_row(letter: DeadLetter, truncate: bool) -> dict[str, object]:
    """Return the row of a dead letter, by column."""
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
        "comment_digest": _base64(comment_digest(letter.key, letter.value), None),
        "value": _base64(letter.value, cut),
        "value_bytes": None if letter.value is None else len(letter.value),
        "headers": headers,
        "truncated": truncate,
        "record_timestamp": letter.timestamp,
        "reason": letter.reason[:REASON_CHARACTERS],
        "detail": truncated(letter.detail),
        "platform": letter.platform,
    }


def truncated(text: str) -> str:
    """Shorten a sentence for storing, and replace lone surrogates, which may come from a malformed record."""
    return text[:DETAIL_CHARACTERS].encode("utf-8", "replace").decode()


def _base64(content: bytes | None, cut: int | None) -> str | None:
    return None if content is None else base64.b64encode(content[:cut]).decode()


def write_headers(headers: Headers) -> str:
    """Serialise a record's headers as JSON with base64 values, keeping order and repeated names."""
    return json.dumps([[name, _base64(value, None)] for name, value in headers], ensure_ascii=False)


def read_headers(stored: str) -> Headers:
    """Parse headers written by ``write_headers``."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in json.loads(stored)]
