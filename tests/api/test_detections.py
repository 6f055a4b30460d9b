"""Texts that people keep: ordered to be published, reviewed once they are stored, and nothing in between is lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import Table, select, update

from api.identity.roles import Role
from api.rest import detections
from consumer.event import CommentEvent, parse
from liuyan.settings import parse_topics
from store import pending_reviews as pending_module
from store import reviews as reviews_module
from store.admin_tables import audit_log
from store.batch import Arrival, Content, Label, Prediction
from store.errors import TransientStoreError
from store.outbox import has_messages
from store.pending_reviews import EDITED, LIFE, NEVER_ARRIVED, Settled, resolve_pending
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


def ordered_event(order: Any) -> CommentEvent:
    """What a consumer reads of an order once it is published."""
    parsed = parse(order.key, order.value, int(order.ordered_at.timestamp() * 1000))
    assert isinstance(parsed, CommentEvent)
    return parsed


async def arrive(api: Api, event: CommentEvent, content: str | None = None, version: int | None = None) -> None:
    """The event comes through Kafka and is stored."""
    stored = Content(content or event.text, version or event.version, event.created_at, None, event.author, None)
    await api.feed.send(Arrival(event.platform, event.id, stored, Prediction(Label.NEGATIVE, 0.2, False)))


async def test_a_text_is_ordered_as_an_event_of_the_contract(api: Api) -> None:
    somebody = await add_person(api.store, "小王", Role.USER, now=api.clock())
    answer = await keep(api, "negative", **somebody.bearer)
    assert answer.status_code == 202
    kept = answer.json()
    assert kept["platform"] == "detect"
    [order] = await rows(api, outbox)
    event = ordered_event(order)
    assert (event.id, event.text, event.author) == (kept["id"], TEXT, "小王")
    assert (order.topic, order.ordered_by) == ("comments", "小王")
    [pending] = await rows(api, pending_reviews)
    assert (pending.id, pending.version, pending.label) == (event.id, event.version, "negative")
    [line] = [one for one in await rows(api, audit_log) if one.action == "detection.keep"]
    assert (line.user_name, line.object_id) == ("小王", f"detect:{event.id}")
    assert "老板" not in str(line) + str(pending)


async def test_the_review_follows_the_comment_once(api: Api) -> None:
    await keep(api, "positive")
    [order] = await rows(api, outbox)
    event = ordered_event(order)
    assert await resolve_pending(api.store, api.clock()) == Settled(0, 0)
    await arrive(api, event)
    assert await resolve_pending(api.store, api.clock()) == Settled(1, 0)
    assert await resolve_pending(api.store, api.clock()) == Settled(0, 0)
    [review] = await rows(api, reviews)
    assert (review.label, review.reviewer, review.text) == ("positive", "admin", TEXT)
    assert (review.from_label, review.from_probability) == ("negative", 0.2)
    shown = (await api.client.get(f"/api/v1/comments/detect/{event.id}")).json()["comment"]
    assert (shown["label"], shown["label_source"]) == ("positive", "review")
    assert await rows(api, pending_reviews) == []


async def test_a_fault_leaves_everything_as_it_was(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(api)
    [order] = await rows(api, outbox)
    await arrive(api, ordered_event(order))
    add = reviews_module.add_within

    async def add_and_fail(*arguments: Any) -> None:
        await add(*arguments)
        raise TransientStoreError("killed here")

    with monkeypatch.context() as broken:
        broken.setattr(pending_module, "add_within", add_and_fail)
        with pytest.raises(TransientStoreError):
            await resolve_pending(api.store, api.clock())
    assert await rows(api, reviews) == []
    assert await resolve_pending(api.store, api.clock()) == Settled(1, 0)
    assert len(await rows(api, reviews)) == 1


async def given_up(api: Api) -> str:
    """The sentence in the audit log."""
    [line] = [one for one in await rows(api, audit_log) if one.action == "detection.give_up"]
    assert await rows(api, pending_reviews) == []
    return str(line.detail)


async def test_a_comment_that_never_arrives_is_given_up(api: Api) -> None:
    await keep(api)
    assert await resolve_pending(api.store, api.clock() + LIFE - timedelta(minutes=1)) == Settled(0, 0)
    assert await resolve_pending(api.store, api.clock() + LIFE) == Settled(0, 1)
    assert NEVER_ARRIVED in await given_up(api)
    # Nothing of the text is left, and no consumer publishes it any more.
    [order] = await rows(api, outbox)
    assert (order.key, order.value, order.refused) == (None, None, NEVER_ARRIVED)
    assert not await api.store.read(has_messages, ["comments"])


async def test_what_kafka_refuses_is_given_up_with_its_reason(api: Api) -> None:
    await keep(api)
    async with api.store.writing() as session:
        await session.connection.execute(update(outbox).values(refused="Kafka refuses it: too large"))
    assert await resolve_pending(api.store, api.clock()) == Settled(0, 1)
    assert "Kafka refuses it: too large" in await given_up(api)


async def test_another_text_than_was_seen_is_not_reviewed(api: Api) -> None:
    await keep(api)
    [order] = await rows(api, outbox)
    event = ordered_event(order)
    await arrive(api, event, "换了一段话", version=event.version + 1)
    assert await resolve_pending(api.store, api.clock()) == Settled(0, 1)
    assert EDITED in await given_up(api)
    assert await rows(api, reviews) == []


@pytest.mark.parametrize(
    ("topics", "chosen"),
    [
        ("forum=forum,all", "all"),
        ("forum=forum,pasted=desk|detect,all", "pasted"),
        ("forum=forum,desk=desk", None),
    ],
)
async def test_the_first_topic_that_takes_the_platform_is_chosen(api: Api, topics: str, chosen: str | None) -> None:
    settings = api.services.settings.model_copy(update={"topics": parse_topics(topics)})
    api.app.state.services = replace(api.services, settings=settings)
    answer = await keep(api)
    if chosen is None:
        assert problem(answer, 409)["code"] == "no_topic"
        assert await rows(api, outbox) == []
    else:
        assert answer.status_code == 202
        assert [order.topic for order in await rows(api, outbox)] == [chosen]


async def test_one_person_cannot_pile_texts_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
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
async def test_what_is_out_of_bounds_is_named(api: Api, body: dict[str, str], field: str) -> None:
    found = problem(await api.client.post("/api/v1/detections", json=body), 422)
    assert [error["field"] for error in found["errors"]] == [field]
    assert await rows(api, outbox) == []
