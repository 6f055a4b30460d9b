"""The event contract, version 1: parse a Kafka record into a comment event, a tombstone or a rejection.

Invalid records never raise an exception: they return a rejection with a reason. The published schema is generated from
``CommentEvent``.
"""

import json
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from liuyan.sentences import sentence_of
from liuyan.settings import DETECTION_PLATFORM
from liuyan.times import MICROSECOND, microseconds, parse_rfc3339
from store.named_comment import FRAME_BYTES, FRAME_START

MAXIMUM_DEPTH = 32
MAXIMUM_AHEAD = timedelta(days=1)
_MICROSECONDS_AHEAD = MAXIMUM_AHEAD // MICROSECOND
# Eight times the longest event with every character escaped. Kafka limits compressed bytes only: a record of a few
# hundred kB can decompress to 60 MB, which would take too much memory to parse.
MAXIMUM_VALUE_BYTES = 1024 * 1024
WITHOUT_NUL = r"^[^\x00]*$"
# The last version that a comment can have, in milliseconds. A larger one in microseconds is no 64-bit integer.
LATEST_TIMESTAMP = microseconds(datetime.max.replace(tzinfo=UTC)) // 1000


class Reason(StrEnum):
    """Why a record is a dead letter; a metric label and a filter."""

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
    """A record that breaks the contract, with the reason and an explanation for its publisher."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """A tombstone: a record with a null value that erases the comment of its key."""

    platform: str
    id: str


class _InvalidError(Exception):
    """Carries a rejection out of the parsing functions."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(reason, detail)


def _parse_time(value: object) -> datetime:
    try:
        return parse_rfc3339(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PydanticCustomError("rfc3339", str(error)) from None


Time = Annotated[datetime, PlainValidator(_parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]


class _Identity(BaseModel):
    """The fields that identify a comment."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    platform: str = Field(
        min_length=1,
        max_length=32,
        pattern=r"^[a-z0-9_-]+$",
        description="The platform that publishes: lowercase letters, digits, _ and -.",
        examples=["forum"],
    )
    id: str = Field(
        min_length=1,
        max_length=128,
        pattern=WITHOUT_NUL,
        description="The platform's own id of the comment; compared byte for byte.",
        examples=["post-1817"],
    )


class CommentEvent(_Identity):
    """A comment, published when it is written and again whenever it is edited."""

    text: str = Field(
        min_length=1,
        max_length=10_000,
        pattern=WITHOUT_NUL,
        description="The comment: any Unicode except NUL, including emoji; stored unchanged.",
        examples=["物流很快，包装也好 👍"],
    )
    created_at: Time = Field(
        description="When the author wrote it, with UTC offset.", examples=["2026-01-31T08:15:00+08:00"]
    )
    edited_at: Time | None = Field(
        None,
        description="When the author last edited it; omit it, or use null, if never.",
        examples=["2026-01-31T08:20:00.5+08:00"],
    )
    author: str | None = Field(
        None,
        max_length=128,
        pattern=WITHOUT_NUL,
        description="Who wrote it, as the platform identifies people.",
        examples=["u-42"],
    )
    thread: str | None = Field(
        None,
        max_length=256,
        pattern=WITHOUT_NUL,
        description="The topic, ticket or page that it belongs to.",
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
        """Time of the last edit in microseconds since 1970 in UTC; the highest version of a comment is current."""
        return microseconds(self.edited_at or self.created_at)


FIELDS = len(CommentEvent.model_fields)
# Calling it directly saves a tenth of the time that ``model_validate_json`` takes.
_COMMENT_EVENT = TypeAdapter(CommentEvent).validator
Parsed = CommentEvent | Erasure | Rejection


def parse(key: bytes | None, value: bytes | None, timestamp: int, platforms: Set[str] = frozenset()) -> Parsed:
    """Parse one Kafka record.

    ``timestamp`` is the record's, in milliseconds since 1970, negative if it has none. ``platforms`` may publish to the
    record's topic; if empty, all platforms may except text detection's.
    """
    try:
        _check_size(key, value)
        parsed = _parse_tombstone(key, timestamp) if value is None else _parse_comment(key, value, timestamp)
        _check_platform(parsed.platform, platforms)
    except _InvalidError as invalid:
        return invalid.rejection
    return parsed


def _check_platform(platform: str, platforms: Set[str]) -> None:
    if platform in platforms or (not platforms and platform != DETECTION_PLATFORM):
        return
    detail = f"platform {platform!r} may not publish to this topic"
    if not platforms:
        detail = f"platform {platform!r} is the admin app's and needs a topic bound to it"
    raise _InvalidError(Reason.PLATFORM_NOT_ALLOWED, detail)


def _check_size(key: bytes | None, value: bytes | None) -> None:
    size = len(key or b"") + len(value or b"")
    if size > MAXIMUM_VALUE_BYTES:
        raise _InvalidError(Reason.TOO_LARGE, f"the record has {size} bytes; the maximum is {MAXIMUM_VALUE_BYTES}")


def split_frame(value: bytes) -> tuple[int | None, bytes]:
    """Return the schema id of a schema registry frame and the value after it; None and the value without a frame."""
    if len(value) < FRAME_BYTES or not value.startswith(FRAME_START):
        return None, value
    return int.from_bytes(value[1:FRAME_BYTES], "big"), value[FRAME_BYTES:]


def parse_value(value: bytes) -> CommentEvent | Rejection:
    """Parse a record's value without its key and timestamp."""
    try:
        _check_size(None, value)
        return _parse_value(value)
    except _InvalidError as invalid:
        return invalid.rejection


def _parse_comment(key: bytes | None, value: bytes, timestamp: int) -> CommentEvent:
    event = _parse_value(value)
    if not key:
        raise _InvalidError(Reason.MISSING_KEY, "the record has no key; it must be `platform:id`")
    if key != event.key.encode():
        raise _InvalidError(
            Reason.KEY_CONTRADICTS_VALUE, f"the record's key is not the value's `platform:id`{_key_frame_hint(key)}"
        )
    if timestamp >= 0 and event.version > timestamp * 1000 + _MICROSECONDS_AHEAD:
        raise _InvalidError(
            Reason.FROM_THE_FUTURE, "the comment's time is more than a day ahead of the record's timestamp"
        )
    return event


def _parse_tombstone(key: bytes | None, timestamp: int) -> Erasure:
    if not key:
        raise _InvalidError(Reason.MISSING_KEY, "the tombstone has no key; it must be `platform:id`")
    try:
        platform, _, identifier = key.decode().partition(":")
        identity = _Identity(platform=platform, id=identifier)
    except UnicodeDecodeError:
        raise _InvalidError(Reason.INVALID_KEY, "the tombstone's key is not UTF-8") from None
    except ValidationError:
        detail = f"the tombstone's key is not `platform:id`{_key_frame_hint(key)}"
        raise _InvalidError(Reason.INVALID_KEY, detail) from None
    if timestamp > LATEST_TIMESTAMP:
        raise _InvalidError(Reason.FROM_THE_FUTURE, "the tombstone's timestamp is after the year 9999")
    return Erasure(identity.platform, identity.id)


def _key_frame_hint(key: bytes) -> str:
    """Return how to fix a key that a schema registry's serializer wrote; empty for other keys."""
    framed = key.startswith(FRAME_START)
    return ": it has a schema registry frame; serialize keys as plain strings" if framed else ""


def _parse_value(value: bytes) -> CommentEvent:
    return parse_ordinary(split_frame(value)[1]) or parse_strictly(value)


def parse_ordinary(value: bytes) -> CommentEvent | None:
    """Parse an event that has no fields but the contract's, in two thirds of the time. None for other values.

    Pydantic's JSON parser accepts duplicate keys and ignores unknown fields, but each of those adds quotation marks to
    those of the known fields, whose values are strings or null.
    """
    # A quotation mark within a string, or a string that ends with a backslash. One byte is found ten times as fast.
    if b"\\" in value and rb"\"" in value:
        return None
    try:
        event = _COMMENT_EVENT.validate_json(value)
    except ValidationError:
        return None
    values = FIELDS - (event.edited_at is None) - (event.author is None) - (event.thread is None)
    return event if value.count(b'"') == 2 * (len(event.model_fields_set) + values) else None


def parse_strictly(value: bytes) -> CommentEvent:
    """Parse a value by all rules. Raises with the reason if it breaks one."""
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
        f"the value has a schema registry frame (schema id {schema_id}) but no JSON after it; use the JSON Schema "
        "serializer, because Avro and Protobuf are not accepted",
    )


def _parse_json(value: bytes) -> dict[str, Any]:
    """Parse JSON strictly (RFC 8259): Python's decoder accepts duplicate keys and NaN."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise _InvalidError(Reason.NOT_UTF8, f"the value is not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _InvalidError(Reason.NOT_JSON, "the value is not JSON: it starts with a byte order mark")
    try:
        fields = _DECODER.decode(text)
    except RecursionError:
        raise _InvalidError(Reason.TOO_DEEP, f"the value is nested deeper than {MAXIMUM_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        message = error.msg.removesuffix(" at")  # Some messages end in " at", which is added below.
        raise _InvalidError(Reason.NOT_JSON, f"the value is not JSON: {message} at character {error.pos + 1}") from None
    if not isinstance(fields, dict):
        raise _InvalidError(Reason.NOT_AN_OBJECT, "the value is JSON but not an object")
    _check_strings_and_depth(text, fields)
    return fields


def _check_strings_and_depth(text: str, fields: dict[str, Any]) -> None:
    """Walk the value only if its text could break a rule, so that ordinary events skip the cost."""
    if "\\u" not in text and text.count("{") + text.count("[") <= MAXIMUM_DEPTH:
        return
    level: list[Any] = [fields]
    depth = 0
    while level:
        depth += 1
        if depth > MAXIMUM_DEPTH and any(isinstance(value, dict | list) for value in level):
            raise _InvalidError(Reason.TOO_DEEP, f"the value is nested deeper than {MAXIMUM_DEPTH} levels")
        for value in level:
            if isinstance(value, str) and _has_surrogate(value):
                raise _InvalidError(Reason.LONE_SURROGATE, "the value contains half of a surrogate pair")
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
        duplicate = next(name for name in fields if names.count(name) > 1)
        raise _InvalidError(Reason.DUPLICATE_KEYS, f"an object has the key {duplicate[:64]!r} more than once")
    return fields


def _refuse_constant(name: str) -> None:
    raise _InvalidError(Reason.NAN, f"{name} is not JSON")


# Integers become floats: no field is a number, and Python refuses integers of more than 4,300 digits.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_int=float)
