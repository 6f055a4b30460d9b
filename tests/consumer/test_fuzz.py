"""100,000 mutated events: the parser never raises, and agrees with the published schema. `make check` tries 25,000."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import settings

from consumer.contract import build_contract
from consumer.event import CommentEvent, Erasure, Reason, Rejection, parse, parse_ordinary, parse_strictly
from liuyan.times import RFC3339

COUNT = settings().max_examples * 1_000
TIMESTAMP = 1_769_898_600_000
VALIDATOR = jsonschema.Draft7Validator(build_contract()["components"]["schemas"]["CommentEvent"])
STRINGS = ["", "a", "论坛", "好 👍", "\x00", "\ud800", "\u202e", "x" * 129, "x" * 10_001, "NaN", "2026-01-31T08:15:00Z"]
TIMES = [
    "2026-01-31T08:15:00+08:00",
    "2026-01-31T08:15:60Z",
    "9999-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
]
SCALARS: list[Any] = [None, True, False, 0, -1, 1e308, 10**400, float("nan"), float("inf"), *STRINGS, *TIMES]
FIELDS = ["platform", "id", "text", "created_at", "edited_at", "author", "thread", "unknown", "Text", "text "]
SNIPPETS = [
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\x00",
    b'"',
    b"\\",
    b"\\u",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"NaN",
    b"\xef\xbb\xbf",
    b"1e999",
    b"/*",
    b"\xf0\x9f\x91\x8d",
]


def event() -> dict[str, Any]:
    return {
        "platform": "forum",
        "id": "post-1817",
        "text": "物流很快，包装也好 👍",
        "created_at": "2026-01-31T08:15:00+08:00",
        "edited_at": "2026-01-31T08:20:00.5+08:00",
        "author": "u-42",
        "thread": "t-7",
    }


def scalar_or_nest(chance: random.Random) -> Any:
    value: Any = chance.choice(SCALARS)
    for _ in range(chance.choice([0, 0, 0, 1, 2, 30, 33, 100])):
        value = [value] if chance.random() < 0.5 else {"x": value}
    return value


def mutated_fields(chance: random.Random) -> dict[str, Any]:
    fields = event()
    for _ in range(chance.choice([0, 0, 1, 1, 2, 4])):
        name = chance.choice(FIELDS)
        if chance.random() < 0.3:
            fields.pop(name, None)
        else:
            fields[name] = chance.choice(STRINGS + TIMES) if chance.random() < 0.6 else scalar_or_nest(chance)
    return fields


def encode(fields: dict[str, Any], chance: random.Random) -> bytes:
    """Return JSON, occasionally nested deeper than Python's encoder supports."""
    if chance.random() < 0.002:
        levels = chance.randint(900, 100_000)
        return b'{"text":' + b"[" * levels + b"]" * levels + b"}"
    written = json.dumps(fields, ensure_ascii=chance.random() < 0.5)
    return written.encode(errors="surrogatepass")


def mutated_bytes(value: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 8])):
        at, to = sorted((chance.randint(0, len(value)), chance.randint(0, len(value))))
        match chance.randrange(5):
            case 0:
                value = value[:at] + chance.choice(SNIPPETS) + value[at:]
            case 1:
                value = value[:at] + value[to:]
            case 2:
                value = value[:at]
            case 3 if value:
                at = min(at, len(value) - 1)
                value = value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
            case _:
                value = value[:at] + value[at:to][:64] * 2 + value[to:]
    return value


def records(count: int, seed: int) -> Iterator[tuple[bytes | None, bytes | None, int]]:
    """Yield key, value and timestamp of mutated records. Most keys are right, so that values decide."""
    chance = random.Random(seed)
    for _ in range(count):
        fields = mutated_fields(chance)
        frame = b"\0" + chance.randbytes(4) if chance.random() < 0.1 else b""
        value = None if chance.random() < 0.02 else mutated_bytes(frame + encode(fields, chance), chance)
        key: bytes | None = f"{fields.get('platform')}:{fields.get('id')}".encode(errors="surrogatepass")
        if chance.random() < 0.1:
            key = chance.choice([None, b"", b"forum", b":", b"forum:\xff", mutated_bytes(key or b"", chance)])
        yield key, value, chance.choice([TIMESTAMP, TIMESTAMP, TIMESTAMP, -1, 0, 2**62])


def valid_by_schema(key: bytes | None, value: bytes, timestamp: int) -> bool:
    """Check the contract's rules independently, with the published schema and Python's JSON decoder."""
    try:
        text = (value[5:] if value.startswith(b"\0") and len(value) >= 5 else value).decode()
        fields = json.loads(text, parse_int=float, object_pairs_hook=no_duplicates, parse_constant=no_constant)
        json.dumps(fields, ensure_ascii=False).encode()
        VALIDATOR.validate(fields)
    except (ValueError, RecursionError, jsonschema.ValidationError):
        return False
    last = fields["created_at"] if fields.get("edited_at") is None else fields["edited_at"]
    created, edited = time_of(fields["created_at"]), time_of(last)
    if created is None or edited is None or edited < created or depth(fields) > 32:
        return False
    in_time = timestamp < 0 or edited.timestamp() <= timestamp / 1000 + 86_400
    return in_time and key == f"{fields['platform']}:{fields['id']}".encode()


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("duplicate")
    return dict(pairs)


def no_constant(name: str) -> None:
    raise ValueError(name)


def time_of(text: str) -> datetime | None:
    if not RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper().replace(":59:60", ":59:59")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def written_otherwise(chance: random.Random) -> bytes:
    """Return an event whose JSON a publisher may write differently: escapes, whitespace, nulls, duplicate fields."""
    fields = event()
    fields["text"] = chance.choice(['"', "\\", '\\"', "a: b", "{}", "\n", "好", '", "id": "2']) * chance.randrange(1, 3)
    for name in ("author", "thread", "edited_at", "unknown"):
        match chance.randrange(4):
            case 0:
                fields[name] = None
            case 1:
                fields.pop(name, None)
    written = json.dumps(fields, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, None, 1]))
    duplicate = chance.choice([*fields, "id", "\\u0069d", "a\\"])
    if chance.random() < 0.5:
        extra = chance.choice(["null", '""', '"2026-01-31T08:15:00+08:00"', "1", "[]", "{}", '"u-42"'])
        written = f'{written[:-1]},"{duplicate}"{chance.choice(["", " "])}:{extra}}}'
    return written.encode()


@pytest.mark.parametrize("seed", [1])
def test_ordinary_events_are_parsed_like_all_others(seed: int) -> None:
    """What the fast parser accepts, the strict one accepts with the same result."""
    chance = random.Random(seed)
    ordinary = 0
    for number, (_, value, _) in enumerate(records(COUNT // 2, seed + 1)):
        if number % 2:
            value = written_otherwise(chance)
        parsed = parse_ordinary(value or b"")
        if parsed is not None:
            ordinary += 1
            strict = parse_strictly(value or b"")
            assert parsed == strict
            assert parsed.model_fields_set == strict.model_fields_set
    assert ordinary > COUNT / 40


@pytest.mark.parametrize("seed", [1])
def test_mutated_events_never_raise_and_agree_with_the_schema(seed: int) -> None:
    outcomes: Counter[str] = Counter()
    for number, (key, value, timestamp) in enumerate(records(COUNT, seed)):
        parsed = parse(key, value, timestamp)
        outcomes[parsed.reason if isinstance(parsed, Rejection) else type(parsed).__name__] += 1
        if isinstance(parsed, Rejection):
            assert parsed.reason in Reason
            assert parsed.detail
        if isinstance(parsed, CommentEvent):
            f"{parsed.text}{parsed.author}{parsed.thread}{parsed.id}".encode()
            assert isinstance(parsed.version, int)
        # The independent check is slow: run it for every fifth record and for all accepted ones.
        if value is not None and (number % 5 == 0 or isinstance(parsed, CommentEvent)):
            assert isinstance(parsed, CommentEvent) == valid_by_schema(key, value, timestamp), (key, value, timestamp)
    assert outcomes[CommentEvent.__name__] > COUNT / 20
    assert outcomes[Erasure.__name__] > COUNT / 200
    # Mutated values stay small; test_event.py covers one that is too large.
    unreachable = {Reason.REFUSED_BY_DATABASE, Reason.PLATFORM_NOT_ALLOWED, Reason.TOO_LARGE}
    assert set(Reason) - unreachable <= set(outcomes), "a reason that no mutation reaches"
