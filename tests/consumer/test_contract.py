"""The published contract is up to date, a valid AsyncAPI 3 document, and consistent with the parser."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from consumer.contract import build_contract, contract_json
from consumer.event import CommentEvent, Rejection, parse_value

COMMITTED = Path(__file__).parents[2] / "docs" / "contract.asyncapi.json"
EVENT = {"platform": "forum", "id": "1", "text": "好", "created_at": "2026-01-31T08:15:00Z"}
# The requirements of AsyncAPI 3.0 for the parts that this document uses.
REFERENCE = {"type": "object", "required": ["$ref"], "additionalProperties": False, "properties": {"$ref": {}}}
STRUCTURE = {
    "type": "object",
    "required": ["asyncapi", "info"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {"type": "object", "required": ["title", "version"]},
        "defaultContentType": {"type": "string"},
        "channels": {
            "additionalProperties": {
                "required": ["address", "messages"],
                "properties": {"messages": {"additionalProperties": REFERENCE}},
            }
        },
        "operations": {
            "additionalProperties": {
                "required": ["action", "channel"],
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "messages": {"items": REFERENCE},
                },
            }
        },
        "components": {"type": "object"},
    },
}


def test_committed_document_is_up_to_date() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == contract_json(), (
        "run `liuyan consumer contract > docs/contract.asyncapi.json`"
    )


def test_document_is_valid_asyncapi_3() -> None:
    Draft7Validator(STRUCTURE).validate(build_contract())


def test_references_resolve() -> None:
    contract = build_contract()
    references = list(_references(contract))
    assert len(references) == 6
    for reference in references:
        place: Any = contract
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_examples_are_valid_events() -> None:
    examples = build_contract()["components"]["messages"]["comment"]["examples"]
    assert len(examples) == 2
    for example in examples:
        _schema().validate(example["payload"])
        assert isinstance(parse_value(json.dumps(example["payload"]).encode()), CommentEvent)


@pytest.mark.parametrize("draft", [Draft7Validator, Draft202012Validator])
def test_payload_schema_is_valid_json_schema(draft: Any) -> None:
    draft.check_schema(CommentEvent.model_json_schema())
    assert draft(CommentEvent.model_json_schema()).is_valid(EVENT)


@pytest.mark.parametrize(
    "change",
    [
        {"platform": "论坛"},
        {"platform": "Forum"},
        {"platform": "x" * 33},
        {"platform": ""},
        {"id": ""},
        {"id": "x" * 129},
        {"id": 7},
        {"id": "a\0b"},
        {"text": ""},
        {"text": "好" * 10_001},
        {"text": None},
        {"text": "a\0b"},
        {"created_at": 1769818500},
        {"author": "x" * 129},
        {"thread": "x" * 257},
        {"thread": ["t-7"]},
    ],
)
def test_schema_and_parser_reject_the_same_events(change: dict[str, object]) -> None:
    event = {**EVENT, **change}
    assert not _schema().is_valid(event)
    assert isinstance(parse_value(json.dumps(event).encode()), Rejection)


@pytest.mark.parametrize("field", sorted(EVENT))
def test_schema_and_parser_require_the_same_fields(field: str) -> None:
    event = {name: value for name, value in EVENT.items() if name != field}
    assert not _schema().is_valid(event)
    assert isinstance(parse_value(json.dumps(event).encode()), Rejection)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"edited_at": None, "author": None, "thread": None},
        {"text": "👍" * 10_000},
        {"id": "../%2F:\n"},
        {"colour": "unknown fields are ignored"},
        {"edited_at": "2026-01-31T16:15:00.123456+08:00"},
    ],
)
def test_schema_and_parser_accept_the_same_events(change: dict[str, object]) -> None:
    event = {**EVENT, **change}
    _schema().validate(event)
    assert isinstance(parse_value(json.dumps(event).encode()), CommentEvent)


def test_key_of_each_message_has_a_schema() -> None:
    for message in build_contract()["components"]["messages"].values():
        key = Draft7Validator(message["bindings"]["kafka"]["key"])
        assert key.is_valid("forum:post:with/anything")
        assert not key.is_valid("forum")
        assert not key.is_valid(":post")


def _schema() -> Draft202012Validator:
    return Draft202012Validator(build_contract()["components"]["schemas"]["CommentEvent"])


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)
