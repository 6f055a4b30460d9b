"""Events are accepted or rejected as the contract requires, and no record raises an exception."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from consumer.event import LATEST_TIMESTAMP, MAXIMUM_VALUE_BYTES, CommentEvent, Erasure, Reason, Rejection, parse

EVENT: dict[str, Any] = {
    "platform": "forum",
    "id": "post:1",
    "text": "物流很快，包装也好 👍",
    "created_at": "2026-01-31T08:15:00+08:00",
}
KEY = b"forum:post:1"
NOW = int(datetime(2026, 1, 31, 1, tzinfo=UTC).timestamp() * 1000)


def encoded(**changes: object) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_valid_event_is_parsed() -> None:
    event = parse(KEY, encoded(author="u-1", thread="t-1"), NOW)
    assert event == CommentEvent(
        platform="forum",
        id="post:1",
        text=EVENT["text"],
        created_at="2026-01-31T00:15:00Z",  # type: ignore[arg-type]
        author="u-1",
        thread="t-1",
    )
    assert isinstance(event, CommentEvent)
    assert event.version == 1_769_818_500_000_000


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"\xff" + encoded(), Reason.NOT_UTF8, id="invalid UTF-8"),
        pytest.param(b"", Reason.NOT_JSON, id="empty"),
        pytest.param(encoded()[:-1], Reason.NOT_JSON, id="invalid JSON"),
        pytest.param(encoded() + b"{}", Reason.NOT_JSON, id="two values"),
        pytest.param(b"\xef\xbb\xbf" + encoded(), Reason.NOT_JSON, id="byte order mark"),
        pytest.param(b"[]", Reason.NOT_AN_OBJECT, id="list"),
        pytest.param(b"null", Reason.NOT_AN_OBJECT, id="null"),
        pytest.param(b'"text"', Reason.NOT_AN_OBJECT, id="string"),
        pytest.param(b'{"id":"1","id":"2"}', Reason.DUPLICATE_KEYS, id="duplicate keys"),
        pytest.param(encoded(x={"y": 1})[:-2] + b',"y":2}}', Reason.DUPLICATE_KEYS, id="duplicate keys inside"),
        pytest.param(encoded(score=float("nan")), Reason.NAN, id="NaN"),
        pytest.param(encoded(score=float("-inf")), Reason.NAN, id="infinity"),
        pytest.param(encoded(x=nested(32)), Reason.TOO_DEEP, id="33 deep"),
        pytest.param(b'{"a":' * 100_000, Reason.TOO_DEEP, id="100,000 deep"),
        pytest.param(encoded(text="\ud83d"), Reason.LONE_SURROGATE, id="lone surrogate"),
        pytest.param(encoded(**{"\udc4d": 1}), Reason.LONE_SURROGATE, id="lone surrogate in a name"),
        pytest.param(encoded(x=[{"y": "\ud83d"}]), Reason.LONE_SURROGATE, id="lone surrogate inside"),
        pytest.param(encoded(text=""), Reason.INVALID_FIELD, id="text of 0"),
        pytest.param(encoded(text="好" * 10_001), Reason.INVALID_FIELD, id="text of 10,001"),
        pytest.param(encoded(text="a" * 1_000_000), Reason.INVALID_FIELD, id="text of 1 MB"),
        pytest.param(encoded(text="a\0b"), Reason.INVALID_FIELD, id="NUL"),
        pytest.param(encoded(text=None), Reason.INVALID_FIELD, id="text null"),
        pytest.param(encoded(text=5), Reason.INVALID_FIELD, id="text a number"),
        pytest.param(encoded(id=7), Reason.INVALID_FIELD, id="id a number"),
        pytest.param(encoded(id=""), Reason.INVALID_FIELD, id="id empty"),
        pytest.param(encoded(id="x" * 129), Reason.INVALID_FIELD, id="id of 129"),
        pytest.param(encoded(platform="Forum"), Reason.INVALID_FIELD, id="platform in capitals"),
        pytest.param(encoded(platform="x" * 33), Reason.INVALID_FIELD, id="platform of 33"),
        pytest.param(encoded(author="x" * 129), Reason.INVALID_FIELD, id="author of 129"),
        pytest.param(encoded(thread="x" * 257), Reason.INVALID_FIELD, id="thread of 257"),
        pytest.param(encoded(author=["u"]), Reason.INVALID_FIELD, id="author a list"),
        pytest.param(b"{}", Reason.INVALID_FIELD, id="all fields missing"),
        pytest.param(encoded(created_at="2026-01-31T08:15:00"), Reason.INVALID_FIELD, id="no offset"),
        pytest.param(encoded(created_at="2026-01-31"), Reason.INVALID_FIELD, id="no time"),
        pytest.param(encoded(created_at="2026-02-30T08:15:00Z"), Reason.INVALID_FIELD, id="30 February"),
        pytest.param(encoded(created_at="10000-01-01T00:00:00Z"), Reason.INVALID_FIELD, id="year 10000"),
        pytest.param(encoded(created_at="9999-12-31T23:59:59-01:00"), Reason.INVALID_FIELD, id="year 10000 in UTC"),
        pytest.param(encoded(created_at="0001-01-01T00:00:00+01:00"), Reason.INVALID_FIELD, id="before year 1 in UTC"),
        pytest.param(encoded(created_at=1_769_818_500), Reason.INVALID_FIELD, id="a Unix time"),
        pytest.param(encoded(edited_at="2026-01-31T08:14:59+08:00"), Reason.EDITED_BEFORE_CREATED, id="edited before"),
        pytest.param(encoded(edited_at="2026-02-01T01:00:01Z"), Reason.FROM_THE_FUTURE, id="more than a day ahead"),
        pytest.param(encoded(extra="x" * MAXIMUM_VALUE_BYTES), Reason.TOO_LARGE, id="an unknown field of over 1 MiB"),
        pytest.param(encoded(id="post:2"), Reason.KEY_CONTRADICTS_VALUE, id="key contradicts"),
    ],
)
def test_invalid_values_are_rejected_with_a_reason(value: bytes, reason: Reason) -> None:
    rejection = parse(KEY, value, NOW)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert rejection.detail
    assert len(rejection.detail) < 300


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(encoded(text="好" * 10_000), id="text of 10,000"),
        pytest.param(encoded(text="𠮷" * 10_000), id="10,000 characters outside the first plane"),
        pytest.param(encoded(extra="x" * 1_000_000), id="unknown field of 1 MB"),
        pytest.param(encoded(extra=nested(31)), id="32 deep"),
        pytest.param(b'{"n":' + b"9" * 5_000 + b"," + encoded()[1:], id="a number of 5,000 digits"),
        pytest.param(encoded(author=None, thread=None, edited_at=None), id="optional fields null"),
        pytest.param(encoded(edited_at="2026-02-01T01:00:00Z"), id="a day ahead"),
        pytest.param(encoded(text="a\ud83d\udc4d"), id="a whole surrogate pair"),
        pytest.param(b" \n" + encoded() + b"\r\n", id="white space around"),
    ],
)
def test_unusual_valid_values_are_accepted(value: bytes) -> None:
    assert isinstance(parse(KEY, value, NOW), CommentEvent)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T08:15:00.123456789+08:00", datetime(2026, 1, 31, 0, 15, 0, 123456, UTC)),
        ("2026-01-31t00:15:00.5z", datetime(2026, 1, 31, 0, 15, 0, 500_000, UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_rfc_3339_to_the_microsecond(text: str, expected: datetime) -> None:
    event = parse(KEY, encoded(created_at=text), NOW)
    assert isinstance(event, CommentEvent)
    assert event.created_at == expected


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, encoded(), Reason.MISSING_KEY),
        (b"", encoded(), Reason.MISSING_KEY),
        (b"forum:other", encoded(), Reason.KEY_CONTRADICTS_VALUE),
        (b"\xff", encoded(), Reason.KEY_CONTRADICTS_VALUE),
        (None, None, Reason.MISSING_KEY),
        (b"forum", None, Reason.INVALID_KEY),
        (b"forum:", None, Reason.INVALID_KEY),
        (b"Forum:1", None, Reason.INVALID_KEY),
        (b"forum:\xff", None, Reason.INVALID_KEY),
    ],
)
def test_invalid_keys_are_rejected(key: bytes | None, value: bytes | None, reason: Reason) -> None:
    rejection = parse(key, value, NOW)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason


def test_tombstone_key_is_split_at_the_first_colon() -> None:
    assert parse(KEY, None, NOW) == Erasure("forum", "post:1")


@pytest.mark.parametrize("value", [encoded(), None])
def test_topic_rejects_other_platforms(value: bytes | None) -> None:
    rejection = parse(KEY, value, NOW, frozenset({"desk"}))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.PLATFORM_NOT_ALLOWED
    assert not isinstance(parse(KEY, value, NOW, frozenset({"desk", "forum"})), Rejection)


@pytest.mark.parametrize("value", [encoded(platform="detect"), None])
def test_text_detection_needs_a_topic_bound_to_it(value: bytes | None) -> None:
    rejection = parse(b"detect:post:1", value, NOW)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.PLATFORM_NOT_ALLOWED
    assert "needs a topic bound to it" in rejection.detail
    assert not isinstance(parse(b"detect:post:1", value, NOW, frozenset({"detect", "forum"})), Rejection)


@pytest.mark.parametrize("timestamp", [LATEST_TIMESTAMP + 1, 2**63 - 1])
def test_timestamp_of_a_tombstone_is_bounded(timestamp: int) -> None:
    rejection = parse(KEY, None, timestamp)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.FROM_THE_FUTURE
    assert parse(KEY, None, LATEST_TIMESTAMP) == Erasure("forum", "post:1")


def test_record_without_timestamp_accepts_any_version() -> None:
    assert isinstance(parse(KEY, encoded(created_at="2100-01-01T00:00:00Z"), -1), CommentEvent)


def test_mutated_events_never_raise() -> None:
    randomly = random.Random(1)
    seed = encoded(author="u", extra=[1, {"a": None}])
    outcomes = set()
    for _ in range(5_000):
        value = bytearray(seed)
        for _ in range(randomly.randint(1, 4)):
            position = randomly.randrange(len(value))
            value[position : position + randomly.randint(0, 3)] = randomly.randbytes(randomly.randint(0, 3))
        outcomes.add(type(parse(KEY, bytes(value), NOW)))
    assert outcomes == {CommentEvent, Rejection}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b'{"id": "a\nb"}', "the value is not JSON: Invalid control character at character 10"),
        (b'{"id": "ab', "the value is not JSON: Unterminated string starting at character 8"),
        (b"{id: 1}", "the value is not JSON: Expecting property name enclosed in double quotes at character 2"),
        (encoded(text=""), "field text: must not be empty"),
        (encoded(id="x" * 129), "field id: must have at most 128 characters"),
        (encoded(text=5), "field text: must be a string"),
        (encoded(platform="Forum"), "field platform: must match the pattern ^[a-z0-9_-]+$"),
        (b"{}", "field platform: is missing"),
    ],
)
def test_detail_explains_the_error(value: bytes, sentence: str) -> None:
    assert parse(KEY, value, NOW) == Rejection(parse(KEY, value, NOW).reason, sentence)  # type: ignore[union-attr]
