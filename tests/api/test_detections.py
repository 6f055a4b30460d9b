"""Texts that people keep: queued in the outbox, reviewed once they are stored, and never lost in between."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import Table, select, update

from api.identity.roles import Role
from api.rest import detections
from consumer.event import CommentEvent, parse
from liuyan.topics import parse_topics
from store import pending_reviews as pending_module
from store import reviews as reviews_module
from store.admin_tables import audit_log
from store.batch import Arrival, Content, Label, Prediction
from store.errors import TransientStoreError
from store.outbox import has_messages
from store.pending_reviews import EDITED, LIFE, NEVER_ARRIVED, PendingOutcome, resolve_pending
from store.tables import outbox, pending_reviews, reviews
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_comments import problem

TEXT = "这家店的老板很热心 👍\n还会再来"

pytestmark = pytest.mark.timeout(60)


async def keep(api: Api, label: str = "positive", text: str = TEXT, **headers: str) -> httpx.Response:
    return await api.client.post("/api/v1/detections", json={"text": text, "label": label}, headers=headers)


async def rows(api: Api, table: Table) -> list[Any]:
    async with api.store.reading() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


def event_of(message: Any) -> CommentEvent:
    """Parse an outbox message as a consumer does after it is published."""
    parsed = parse(message.key, message.value, int(message.ordered_at.timestamp() * 1000), frozenset({"detect"}))
    assert isinstance(parsed, CommentEvent)
    return parsed


async def arrive(api: Api, event: CommentEvent, content: str | None = None, version: int | None = None) -> None:
    """Store an event as if it came through Kafka."""
    stored = Content(content or event.text, version or event.version, event.created_at, None, event.author, None)
    await api.feed.send(Arrival(event.platform, event.id, stored, Prediction(Label.NEGATIVE, 0.2, False)))


async def test_a_text_is_queued_as_a_valid_event(api: Api) -> None:
    somebody = await add_person(api.store, "小王", Role.USER, now=api.clock())
    answer = await keep(api, "negative", **somebody.bearer)
    assert answer.status_code == 202
    kept = answer.json()
    assert kept["platform"] == "detect"
    [message] = await rows(api, outbox)
    event = event_of(message)
    assert (event.id, event.text, event.author) == (kept["id"], TEXT, "小王")
    assert (message.topic, message.ordered_by) == ("detect", "小王")
    [pending] = await rows(api, pending_reviews)
    assert (pending.id, pending.version, pending.label) == (event.id, event.version, "negative")
    [line] = [one for one in await rows(api, audit_log) if one.action == "detection.keep"]
    assert line.user_name == "小王"
    assert event.id not in str(line)
    assert "老板" not in str(line) + str(pending)


async def test_the_review_is_added_once_after_the_comment(api: Api) -> None:
    await keep(api, "positive")
    [message] = await rows(api, outbox)
    event = event_of(message)
    assert await resolve_pending(api.store, api.clock()) == PendingOutcome(0, 0)
    await arrive(api, event)
    assert await resolve_pending(api.store, api.clock()) == PendingOutcome(1, 0)
    assert await resolve_pending(api.store, api.clock()) == PendingOutcome(0, 0)
    [review] = await rows(api, reviews)
    assert (review.label, review.reviewer, review.text) == ("positive", "admin", TEXT)
    assert (review.from_label, review.from_probability) == ("negative", 0.2)
    shown = (await api.client.get(f"/api/v1/comments/detect/{event.id}")).json()["comment"]
    assert (shown["label"], shown["label_source"]) == ("positive", "review")
    assert await rows(api, pending_reviews) == []


async def test_an_error_rolls_everything_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(api)
    [message] = await rows(api, outbox)
    await arrive(api, event_of(message))
    add = reviews_module.add_within

    async def add_and_fail(*arguments: Any) -> None:
        await add(*arguments)
        raise TransientStoreError("killed here")

    with monkeypatch.context() as broken:
        broken.setattr(pending_module, "add_within", add_and_fail)
        with pytest.raises(TransientStoreError):
            await resolve_pending(api.store, api.clock())
    assert await rows(api, reviews) == []
    assert await resolve_pending(api.store, api.clock()) == PendingOutcome(1, 0)
    assert len(await rows(api, reviews)) == 1


async def given_up(api: Api) -> str:
    """Return the detail in the audit log."""
    [line] = [one for one in await rows(api, audit_log) if one.action == "detection.give_up"]
    assert await rows(api, pending_reviews) == []
    return str(line.detail)


async def test_a_comment_that_never_arrives_is_given_up(api: Api) -> None:
    await keep(api)
    assert await resolve_pending(api.store, api.clock() + LIFE - timedelta(minutes=1)) == PendingOutcome(0, 0)
    assert await resolve_pending(api.store, api.clock() + LIFE) == PendingOutcome(0, 1)
    assert NEVER_ARRIVED in await given_up(api)
    # The text is deleted, and no consumer will publish it.
    [message] = await rows(api, outbox)
    assert (message.key, message.value, message.refused) == (None, None, NEVER_ARRIVED)
    assert not await api.store.read(has_messages, ["comments"])


async def test_a_text_that_kafka_rejects_is_given_up_with_the_reason(api: Api) -> None:
    await keep(api)
    async with api.store.writing() as session:
        await session.connection.execute(update(outbox).values(refused="Kafka refuses it: too large"))
    assert await resolve_pending(api.store, api.clock()) == PendingOutcome(0, 1)
    assert "Kafka refuses it: too large" in await given_up(api)


async def test_an_edited_text_is_not_reviewed(api: Api) -> None:
    await keep(api)
    [message] = await rows(api, outbox)
    event = event_of(message)
    await arrive(api, event, "换了一段话", version=event.version + 1)
    assert await resolve_pending(api.store, api.clock()) == PendingOutcome(0, 1)
    assert EDITED in await given_up(api)
    assert await rows(api, reviews) == []


@pytest.mark.parametrize(
    ("topics", "chosen"),
    [
        ("comments,detect=detect", "detect"),
        ("forum=forum,pasted=desk|detect,all", "pasted"),
        ("forum=forum,desk=desk", None),
        # An unbound topic, to which every platform could publish as `detect`.
        ("comments", None),
    ],
)
async def test_the_first_topic_bound_to_the_platform_is_used(api: Api, topics: str, chosen: str | None) -> None:
    settings = api.services.settings.model_copy(update={"topics": parse_topics(topics)})
    api.app.state.services = replace(api.services, settings=settings)
    answer = await keep(api)
    if chosen is None:
        assert problem(answer, 409)["code"] == "no_topic"
        assert await rows(api, outbox) == []
    else:
        assert answer.status_code == 202
        assert [message.topic for message in await rows(api, outbox)] == [chosen]


async def test_pending_texts_per_person_are_limited(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detections, "MAXIMUM_PENDING", 2)
    other = await add_person(api.store, "小李", Role.USER, now=api.clock())
    assert [(await keep(api)).status_code for _ in range(2)] == [202, 202]
    assert problem(await keep(api), 429)["code"] == "too_many_waiting"
    assert (await keep(api, **other.bearer)).status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "", "label": "positive"}, "body.text"),
        ({"text": "好" * 10_001, "label": "positive"}, "body.text"),
        ({"text": "a\0", "label": "positive"}, "body.text"),
        ({"text": "好", "label": "good"}, "body.label"),
        ({"text": "好"}, "body.label"),
        ({"text": "好", "label": "spam", "platform": "forum"}, "body.platform"),
    ],
)
async def test_the_error_names_the_invalid_field(api: Api, body: dict[str, str], field: str) -> None:
    found = problem(await api.client.post("/api/v1/detections", json=body), 422)
    assert [error["field"] for error in found["errors"]] == [field]
    assert await rows(api, outbox) == []
