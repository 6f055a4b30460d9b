"""A reference model of the contract, written from the design: the expected contents of the tables.

It processes the records of each partition one by one, without batches, locks or a database.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Identity = tuple[str, str]
RecordOffset = tuple[str, int, int]


@dataclass(frozen=True)
class Comment:
    """The expected state of a comment; ``version`` is in microseconds."""

    text: str
    version: int
    created_at: datetime
    edited_at: datetime | None
    author: str | None
    thread: str | None


@dataclass
class Expected:
    """The expected contents of every table; predictions are computed from the comments' texts."""

    comments: dict[Identity, Comment] = field(default_factory=dict)
    replaced: dict[Identity, Counter[tuple[int, str]]] = field(default_factory=dict)
    erased_up_to: dict[Identity, int] = field(default_factory=dict)
    dead_letters: dict[RecordOffset, tuple[bytes | None, bytes | None]] = field(default_factory=dict)


def apply(expected: Expected, record: RecordOffset, timestamp: int, key: bytes | None, value: bytes | None) -> None:
    """Apply a record, in order within its partition; ``record`` is (topic, partition, offset), ``timestamp`` in ms."""
    if value is None:
        identity = _split(key)
        if identity is None:
            expected.dead_letters[record] = (key, value)
        else:
            _erase(expected, identity, key, timestamp * 1000)
        return
    event = _event(key, value)
    if event is None:
        expected.dead_letters[record] = (key, value)
    else:
        _apply_event(expected, *event)


def _apply_event(expected: Expected, identity: Identity, arrived: Comment) -> None:
    if arrived.version <= expected.erased_up_to.get(identity, -(1 << 62)):
        return
    current = expected.comments.get(identity)
    if current is not None and arrived.version < current.version:
        return
    if current is not None and current.text != arrived.text:
        expected.replaced.setdefault(identity, Counter())[current.version, current.text] += 1
    expected.comments[identity] = arrived


def _erase(expected: Expected, identity: Identity, key: bytes | None, timestamp: int) -> None:
    current = expected.comments.pop(identity, None)
    known = [timestamp, expected.erased_up_to.get(identity, timestamp)]
    expected.erased_up_to[identity] = max(known if current is None else [*known, current.version])
    expected.replaced.pop(identity, None)
    for record in [record for record, (dead, _) in expected.dead_letters.items() if dead == key]:
        del expected.dead_letters[record]


def _split(key: bytes | None) -> Identity | None:
    if not key or b":" not in key:
        return None
    platform, _, identifier = key.decode().partition(":")
    return (platform, identifier) if identifier else None


def _event(key: bytes | None, value: bytes) -> tuple[Identity, Comment] | None:
    """Parse an event of the load, or return None for poison. Only the kinds of poison that the load creates matter."""
    try:
        fields: Any = json.loads(value[5:] if value.startswith(b"\0") else value)
        identity = (fields["platform"], fields["id"])
        created = datetime.fromisoformat(fields["created_at"]).astimezone(UTC)
        edited = datetime.fromisoformat(fields["edited_at"]).astimezone(UTC) if fields.get("edited_at") else None
        text = fields["text"]
    except (ValueError, KeyError, TypeError):
        return None
    good = key == f"{identity[0]}:{identity[1]}".encode() and 1 <= len(text) <= 10_000 and created.year < 2900
    if not good or (edited is not None and edited < created):
        return None
    version = ((edited or created) - EPOCH) // timedelta(microseconds=1)
    return identity, Comment(text, version, created, edited, fields.get("author"), fields.get("thread"))
