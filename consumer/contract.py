"""The contract that platforms publish by: an AsyncAPI 3 document, generated from the class that parses the events."""

import json
from typing import Any

from consumer.event import CommentEvent

VERSION = "1.1.0"

_DESCRIPTION = """\
A platform publishes a comment when it is written and again each time that it is edited. Liuyan labels it as
positive or negative, once, whatever is delivered twice or late.

- The value is one JSON object in UTF-8, without a byte order mark; no key twice, no NaN, nested at most 32
  deep. Unknown fields are ignored.
- Before the JSON may be the frame of Confluent's JSON Schema serializer: a zero byte and the four-byte id of the
  schema. It is removed; the id is not looked up, and this contract alone decides what is valid. A schema id in a
  header is ignored. Avro and Protobuf become dead letters, and the key is a plain string without a frame.
- The key is `platform:id`, so that all versions of a comment stay in order. `platform` and `id` compare byte
  for byte.
- The version of an event is `edited_at`, or `created_at` without it. A newer version replaces the stored one,
  an older one changes nothing, and of one version the last to arrive stands. `edited_at` is not before
  `created_at`, and the version not more than a day ahead of the record's timestamp.
- Times lie in the years 1 to 9999 in UTC. One that is valid is stored and charted as it is, however unlikely:
  0001-01-01T00:00:00Z, for example, is what some languages write for a time that was never set.
- A record with a null value erases the comment of its key and everything that hangs on it. A version not newer
  than the later of that record's timestamp and the stored version is dropped from then on.
- A record that breaks a rule is kept as a dead letter with its reason and stops nothing. `liuyan consumer
  check-event` tells beforehand.
- Produce with acks=all and idempotence, and with the default partitioner of your client; a topic may be bound
  to the platforms that may publish to it.
"""

_KEY = {
    "type": "string",
    "pattern": r"^[a-z0-9_-]{1,32}:[^\x00]{1,128}$",
    "description": "`platform:id` in UTF-8, split at the first colon.",
    "examples": ["forum:post-1817"],
}


def build_contract() -> dict[str, Any]:
    """The AsyncAPI 3.0 document as plain JSON values; the payload's schema is JSON Schema, as draft 7 reads it too."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Liuyan: comment events", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "comments": {
                "address": "comments",
                "title": "Comment events",
                "description": "The topic; an installation may read several, named in LIUYAN_TOPICS.",
                "messages": {
                    "comment": {"$ref": "#/components/messages/comment"},
                    "erasure": {"$ref": "#/components/messages/erasure"},
                },
            }
        },
        "operations": {
            "labelComments": {
                "action": "receive",
                "channel": {"$ref": "#/channels/comments"},
                "summary": "Liuyan reads every record of the topic from its beginning, read committed.",
                "messages": [
                    {"$ref": "#/channels/comments/messages/comment"},
                    {"$ref": "#/channels/comments/messages/erasure"},
                ],
            }
        },
        "components": {
            "messages": {"comment": _comment_message(), "erasure": _erasure_message()},
            "schemas": {"CommentEvent": _event_schema()},
        },
    }


def contract_json() -> str:
    """The document as it is committed in docs/contract.asyncapi.json: indented, with a line break at the end."""
    return json.dumps(build_contract(), ensure_ascii=False, indent=2) + "\n"


def _event_schema() -> dict[str, Any]:
    return CommentEvent.model_json_schema(mode="validation")


def _comment_message() -> dict[str, Any]:
    written = {
        "platform": "forum",
        "id": "post-1817",
        "text": "物流很快，包装也好 👍",
        "created_at": "2026-01-31T08:15:00+08:00",
        "author": "u-42",
        "thread": "t-7",
    }
    edited = {**written, "text": "物流很快，就是包装破了", "edited_at": "2026-01-31T08:20:00.5+08:00"}
    return {
        "name": "comment",
        "title": "A comment, written or edited",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/CommentEvent"},
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
        "examples": [
            {"name": "written", "summary": "A new comment.", "payload": written},
            {"name": "edited", "summary": "The same comment after its author changed it.", "payload": edited},
        ],
    }


def _erasure_message() -> dict[str, Any]:
    return {
        "name": "erasure",
        "title": "A tombstone: erase the comment of this key",
        "description": "The record's value is null (no bytes at all, not the JSON word).",
        "payload": {"type": "null"},
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }
