"""The contract, version 1: what a platform publishes, and how one Kafka record is read.

A record is a comment event, a tombstone, or a rejection with its reason; nothing in it raises out of here. The
published schema is generated from ``CommentEvent``.
"""

import json
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from liuyan.sentences import sentence_of
from liuyan.times import MICROSECOND, microseconds, parse_rfc3339

MAXIMUM_DEPTH = 32
MAXIMUM_AHEAD = timedelta(days=1)
# Eight times what the longest event takes when every character is escaped. Kafka limits compressed bytes only: a record
# of a few hundred kB can be 60 MB here, which is not worth its memory to parse.
MAXIMUM_VALUE_BYTES = 1024 * 1024
# Confluent's serializers put a zero byte and the four-byte id of the schema before the value.
FRAME_START = b"\0"
FRAME_BYTES = 5
WITHOUT_NUL = r"^[^\x00]*$"


class Reason(StrEnum):
    """Why a record is a dead letter, in a word that can be counted."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    UNKNOWN_FRAMING = "unknown_framing"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEYS = "duplicate_keys"
    NAN = "nan"
    TOO_DEEP = "too_deep"
    LONE_SURROGATE = "lone_surrogate"
    INVALID_FIELD = "invalid_field"
    EDITED_BEFORE_CREATED = "edited_before_created"
    FROM_THE_FUTURE = "from_the_future"
    MISSING_KEY = "missing_key"
    INVALID_KEY = "invalid_key"
    KEY_CONTRADICTS_VALUE = "key_contradicts_value"
    PLATFORM_NOT_ALLOWED = "platform_not_allowed"
    TOO_LARGE = "too_large"
    REFUSED_BY_DATABASE = "refused_by_database"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that breaks the contract: the reason, and the sentence that its publisher reads."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """A tombstone: the record's null value orders the comment of its key to be erased."""

    platform: str
    id: str


class _InvalidError(Exception):
    """Carries a rejection out of the steps of ``parse``."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(reason, detail)


def _parse_time(value: object) -> datetime:
    try:
        return parse_rfc3339(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PydanticCustomError("rfc3339", str(error)) from None


Time = Annotated[datetime, BeforeValidator(_parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]


class _Identity(BaseModel):
    """What names a comment."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    platform: str = Field(
        min_length=1,
        max_length=32,
        pattern=r"^[a-z0-9_-]+$",
        description="The platform that publishes: small letters, digits, _ and -.",
        examples=["forum"],
    )
    id: str = Field(
        min_length=1,
        max_length=128,
        pattern=WITHOUT_NUL,
        description="The platform's own identifier of the comment; compared byte for byte.",
        examples=["post-1817"],
    )


class CommentEvent(_Identity):
    """A comment as its platform publishes it, when it is written and again each time that it is edited."""

    text: str = Field(
        min_length=1,
        max_length=10_000,
        pattern=WITHOUT_NUL,
        description="The comment: any Unicode but NUL, emoji included; stored as it came.",
        examples=["物流很快，包装也好 👍"],
    )
    created_at: Time = Field(
        description="When the author wrote it, with offset.", examples=["2026-01-31T08:15:00+08:00"]
    )
    edited_at: Time | None = Field(
        None,
        description="When the author last changed it; leave it out, or null, when never.",
        examples=["2026-01-31T08:20:00.5+08:00"],
    )
    author: str | None = Field(
        None,
        max_length=128,
        pattern=WITHOUT_NUL,
        description="Who wrote it, as the platform names people.",
        examples=["u-42"],
    )
    thread: str | None = Field(
        None,
        max_length=256,
        pattern=WITHOUT_NUL,
        description="Topic, ticket or page that it belongs to.",
        examples=["t-7"],
    )

    @model_validator(mode="after")
    def _edited_after_created(self) -> Self:
        if self.edited_at is not None and self.edited_at < self.created_at:
            raise PydanticCustomError(Reason.EDITED_BEFORE_CREATED, "edited_at is before created_at")
        return self

    @property
    def key(self) -> str:
        """The key of the event's record, which keeps all versions of a comment in one partition."""
        return f"{self.platform}:{self.id}"

    @property
    def version(self) -> int:
        """Microseconds from 1970 to the last change, in UTC; the newest version of a comment is the one that stands."""
        return microseconds(self.edited_at or self.created_at)


Parsed = CommentEvent | Erasure | Rejection


def parse(key: bytes | None, value: bytes | None, timestamp: int, platforms: Set[str] = frozenset()) -> Parsed:
    """Read one Kafka record.

    ``timestamp`` is the record's, in milliseconds since 1970, negative when it has none; ``platforms`` are those that
    may publish to the record's topic, all of them when empty.
    """
    try:
        _check_size(key, value)
        parsed = _parse_tombstone(key) if value is None else _parse_comment(key, value, timestamp)
        if platforms and parsed.platform not in platforms:
            raise _InvalidError(
                Reason.PLATFORM_NOT_ALLOWED, f"platform {parsed.platform!r} may not publish to this topic"
            )
    except _InvalidError as invalid:
        return invalid.rejection
    return parsed


def _check_size(key: bytes | None, value: bytes | None) -> None:
    size = len(key or b"") + len(value or b"")
    if size > MAXIMUM_VALUE_BYTES:
        raise _InvalidError(Reason.TOO_LARGE, f"the record has {size} bytes, of {MAXIMUM_VALUE_BYTES} at most")


def split_frame(value: bytes) -> tuple[int | None, bytes]:
    """The schema id in a schema registry's frame and the value after it; None and the whole value without a frame."""
    if len(value) < FRAME_BYTES or not value.startswith(FRAME_START):
        return None, value
    return int.from_bytes(value[1:FRAME_BYTES], "big"), value[FRAME_BYTES:]


def parse_value(value: bytes) -> CommentEvent | Rejection:
    """Read a record's value alone, without key and time."""
    try:
        _check_size(None, value)
        return _parse_value(value)
    except _InvalidError as invalid:
        return invalid.rejection


def _parse_comment(key: bytes | None, value: bytes, timestamp: int) -> CommentEvent:
    event = _parse_value(value)
    if not key:
        raise _InvalidError(Reason.MISSING_KEY, "the record has no key: it must be `platform:id`")
    if key != event.key.encode():
        raise _InvalidError(
            Reason.KEY_CONTRADICTS_VALUE, f"the record's key is not the value's `platform:id`{_framed_key(key)}"
        )
    if timestamp >= 0 and event.version > timestamp * 1000 + MAXIMUM_AHEAD // MICROSECOND:
        raise _InvalidError(
            Reason.FROM_THE_FUTURE, "the comment's time is more than a day ahead of the record's timestamp"
        )
    return event


def _parse_tombstone(key: bytes | None) -> Erasure:
    if not key:
        raise _InvalidError(Reason.MISSING_KEY, "a tombstone without a key names no comment")
    try:
        platform, _, identifier = key.decode().partition(":")
        named = _Identity(platform=platform, id=identifier)
    except UnicodeDecodeError:
        raise _InvalidError(Reason.INVALID_KEY, "the tombstone's key is not UTF-8") from None
    except ValidationError:
        detail = f"the tombstone's key is not `platform:id`{_framed_key(key)}"
        raise _InvalidError(Reason.INVALID_KEY, detail) from None
    return Erasure(named.platform, named.id)


def _framed_key(key: bytes) -> str:
    """What to do about a key that a schema registry's serializer wrote."""
    framed = key.startswith(FRAME_START)
    return ": it has a schema registry's frame, so serialize keys as plain strings" if framed else ""


def _parse_value(value: bytes) -> CommentEvent:
    fields = _parse_framed(value)
    try:
        return CommentEvent.model_validate(fields)
    except ValidationError as error:
        raise _InvalidError(*_explain(error)) from None


def _explain(error: ValidationError) -> tuple[Reason, str]:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == Reason.EDITED_BEFORE_CREATED:
        return Reason.EDITED_BEFORE_CREATED, first["msg"]
    if first["type"] == "string_pattern_mismatch" and first["ctx"]["pattern"] == WITHOUT_NUL:
        return Reason.INVALID_FIELD, f"field {first['loc'][0]}: must not contain NUL"
    return Reason.INVALID_FIELD, f"field {first['loc'][0]}: {sentence_of(first)}"


def _parse_framed(value: bytes) -> dict[str, Any]:
    schema_id, content = split_frame(value)
    try:
        return _parse_json(content)
    except _InvalidError as invalid:
        not_json = invalid.rejection.reason in (Reason.NOT_UTF8, Reason.NOT_JSON)
        if schema_id is None or not not_json or content.lstrip().startswith(b"{"):
            raise
    raise _InvalidError(
        Reason.UNKNOWN_FRAMING,
        f"the value has a schema registry's frame (schema id {schema_id}) but no JSON after it: publish it with the "
        "JSON Schema serializer, because Avro and Protobuf are not accepted",
    )


def _parse_json(value: bytes) -> dict[str, Any]:
    """Read strict JSON (RFC 8259): Python's own reader lets duplicate keys and NaN pass."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise _InvalidError(Reason.NOT_UTF8, f"the value is not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _InvalidError(Reason.NOT_JSON, "the value is not JSON: it starts with a byte order mark")
    try:
        fields = _DECODER.decode(text)
    except RecursionError:
        raise _InvalidError(Reason.TOO_DEEP, f"the value is nested deeper than {MAXIMUM_DEPTH}") from None
    except json.JSONDecodeError as error:
        why = error.msg.removesuffix(" at")  # Some of the messages end so, for a position to follow.
        raise _InvalidError(Reason.NOT_JSON, f"the value is not JSON: {why} at character {error.pos + 1}") from None
    if not isinstance(fields, dict):
        raise _InvalidError(Reason.NOT_AN_OBJECT, "the value is JSON, but not an object")
    _check_strings_and_depth(text, fields)
    return fields


def _check_strings_and_depth(text: str, fields: dict[str, Any]) -> None:
    """Walk the value only when its text hints at something: a valid event does not pay for it."""
    if "\\u" not in text and text.count("{") + text.count("[") <= MAXIMUM_DEPTH:
        return
    level: list[Any] = [fields]
    depth = 0
    while level:
        depth += 1
        if depth > MAXIMUM_DEPTH and any(isinstance(value, dict | list) for value in level):
            raise _InvalidError(Reason.TOO_DEEP, f"the value is nested deeper than {MAXIMUM_DEPTH}")
        for value in level:
            if isinstance(value, str) and _has_surrogate(value):
                raise _InvalidError(Reason.LONE_SURROGATE, "the value holds half of a surrogate pair")
        level = [child for value in level if isinstance(value, dict | list) for child in _children(value)]


def _children(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [*value.keys(), *value.values()] if isinstance(value, dict) else value


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in fields if names.count(name) > 1)
        raise _InvalidError(Reason.DUPLICATE_KEYS, f"an object has the key {twice[:64]!r} twice")
    return fields


def _refuse_constant(name: str) -> None:
    raise _InvalidError(Reason.NAN, f"{name} is not JSON")


# Integers are read as floats: no field is a number, and Python refuses integers of more than 4,300 digits.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_int=float)
