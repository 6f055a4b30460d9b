"""Find the comment that a rejected record is about, so that erasing the comment also deletes its dead letter.

The record broke the contract, so its value is read leniently: anything that shows a platform and an id counts. The key
alone is not enough, because it may be missing or contradict the value.
"""

import json
import re
from typing import Any

# Confluent's serializers write a zero byte and the four-byte schema id before the value.
FRAME_START = b"\0"
FRAME_BYTES = 5
# Larger values are not parsed: JSON of this size already takes 100 MB of memory. Their beginning is searched instead.
PARSED_BYTES = 1024 * 1024
_FIELD = r'"%s"\s*:\s*("(?:[^"\\]|\\.){1,1000}?"|-?[0-9]{1,128}(?![0-9.eE]))'
_PLATFORM, _ID = re.compile(_FIELD % "platform"), re.compile(_FIELD % "id")


def named_comment(key: bytes | None, value: bytes | None) -> bytes | None:
    """Return the key (``platform:id``) of the comment that a record's value names, or None.

    A record without a value may name it in a key with a schema registry frame.
    """
    if value is None:
        return None if key is None or not key.startswith(FRAME_START) else _unframed(key) or None
    content = _unframed(value)
    platform, id = _parsed(content) or _searched(content)
    if platform is None or id is None:
        return None
    return f"{platform}:{id}".encode("utf-8", "replace")


def named_platform(value: bytes) -> str | None:
    """Return the platform that a record's value names, or None."""
    content = _unframed(value)
    platform, _ = _parsed(content) or _searched(content)
    return platform


def _unframed(content: bytes) -> bytes:
    framed = len(content) >= FRAME_BYTES and content.startswith(FRAME_START)
    return content[FRAME_BYTES:] if framed else content


def _parsed(content: bytes) -> tuple[str | None, str | None] | None:
    """Return platform and id of a JSON object; None if the content is no JSON object."""
    if len(content) > PARSED_BYTES:
        return None
    try:
        # Publishers also write ids as numbers; as text they have any number of digits.
        fields = json.loads(content, parse_int=str)
        if isinstance(fields, str):  # JSON that was serialized twice.
            fields = json.loads(fields, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return (_text(fields.get("platform")), _text(fields.get("id"))) if isinstance(fields, dict) else None


def _searched(content: bytes) -> tuple[str | None, str | None]:
    text = content[:PARSED_BYTES].decode("utf-8", "replace")
    platform, id = (_text(_decoded(pattern.search(text))) for pattern in (_PLATFORM, _ID))
    return platform, id


def _decoded(found: re.Match[str] | None) -> Any:
    if found is None:
        return None
    try:
        return json.loads(found[1], parse_int=str)
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
