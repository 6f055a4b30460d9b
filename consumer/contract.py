"""Generate the event contract as an AsyncAPI 3 document, from the class that parses events."""

import json
from typing import Any

from consumer.event import CommentEvent

VERSION = "1.1.0"

_DESCRIPTION = """\
A platform publishes a comment when it is written and again whenever it is edited. Liuyan labels it as positive or
negative. Events that arrive twice or late change nothing.

- The value is one JSON object in UTF-8, without a byte order mark, duplicate keys or NaN, nested at most 32 levels
  deep. Unknown fields are ignored.
- The JSON may follow the frame of Confluent's JSON Schema serializer: a zero byte and the four-byte schema id. The
  frame is removed. Schema ids, in the frame or in a header, are ignored: only this contract decides what is valid.
  Avro and Protobuf values become dead letters. The key is a plain string without a frame.
- The key is `platform:id`, so that all versions of a comment stay in order. `platform` and `id` are compared byte
  for byte.
- The version of an event is `edited_at`, or `created_at` if the comment was never edited. A newer version replaces
  the stored one and an older one changes nothing; if two events have the same version, the last to arrive wins.
  `edited_at` must not be before `created_at`, nor the version more than a day ahead of the record's timestamp.
- Times are in the years 1 to 9999 in UTC. Valid times are stored and charted unchanged, even unlikely ones such as
  0001-01-01T00:00:00Z, which some languages write for a time that was never set.
- A record with a null value erases the comment of its key and everything attached to it. From then on, versions that
  are not newer than both that record's timestamp and the erased version are dropped.
- A record that breaks a rule becomes a dead letter with a reason; consumption continues. `liuyan consumer
  check-event` checks events before you publish them.
- Produce with acks=all, idempotence and the default partitioner of your client. A topic may accept only certain
  platforms.
"""

_KEY = {
    "type": "string",
    "pattern": r"^[a-z0-9_-]{1,32}:[^\x00]{1,128}$",
    "description": "`platform:id` in UTF-8, split at the first colon.",
    "examples": ["forum:post-1817"],
}


def build_contract() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document as JSON values. The payload's JSON Schema is also valid in draft 7."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Liuyan: comment events", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "comments": {
                "address": "comments",
                "title": "Comment events",
                "description": "The topic. An installation can read several topics, listed in LIUYAN_TOPICS.",
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
                "summary": "Liuyan reads every committed record of the topic from its start.",
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
    """Return the document as docs/contract.asyncapi.json contains it: indented, with a final line break."""
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
        "description": "The record's value is null: it has no bytes, not the JSON word null.",
        "payload": {"type": "null"},
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }
