"""A kept text passes through API, outbox, Kafka, consumer and database, and is reviewed."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest

from api.identity.roles import Role
from store.store import Store
from tests.api.people import Person, add_person
from tests.harness import Installation, Process, free_port, get

TEXT = "说好三天送到，等了两周，客服还不理人"

pytestmark = pytest.mark.timeout(180)


async def somebody(url: str, role: Role) -> Person:
    async with Store.open(url) as store:
        return await add_person(store, f"小{role}", role, now=datetime.now(UTC))


def serve(ours: Installation, port: int, **settings: str) -> Process:
    return Process(["api", "serve", "--port", str(port)], ours.environment(**settings), ours.folder)


def answers(port: int) -> bool:
    try:
        return get(f"http://127.0.0.1:{port}/admin/static/favicon.svg")[0] == 200
    except OSError:
        return False


def test_a_kept_text_is_labelled_and_reviewed_despite_restarts(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path
) -> None:
    ours = Installation(kafka, topic, migrated_url, tmp_path)
    ours.settings["LIUYAN_TOPICS"] = f"{topic}=forum|detect"
    asyncio.run(ours.create_topic())
    person, reviewer = (
        asyncio.run(somebody(migrated_url, Role.USER)),
        asyncio.run(somebody(migrated_url, Role.REVIEWER)),
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    with serve(ours, port) as api:
        ours.wait_for(lambda: answers(port), seconds=60, process=api)
        kept = httpx.post(
            f"{url}/api/v1/detections", json={"text": TEXT, "label": "unclear"}, headers=person.bearer, timeout=20
        )
        assert kept.status_code == 202, kept.text
        assert ours.number("SELECT COUNT(*) FROM outbox WHERE done_at IS NULL") == 1
        api.kill()
    with ours.consumer() as consumer:
        ours.wait_for(lambda: ours.comments() == 1, seconds=60, process=consumer)
        consumer.kill()
    assert ours.number("SELECT COUNT(*) FROM reviews") == 0
    with serve(ours, port) as first, serve(ours, free_port()) as second:
        ours.wait_for(lambda: ours.number("SELECT COUNT(*) FROM pending_reviews") == 0, seconds=60, process=second)
        ours.wait_for(lambda: answers(port), seconds=60, process=first)
        place = f"{url}/api/v1/comments/detect/{kept.json()['id']}"
        found = httpx.get(place, headers=reviewer.bearer, timeout=20).json()["comment"]
    assert (found["text"], found["author"], found["platform"]) == (TEXT, person.name, "detect")
    assert (found["label"], found["label_source"]) == ("unclear", "review")
    assert ours.query("SELECT label, reviewer, from_label FROM reviews") == [("unclear", person.name, "negative")]
    assert ours.counts_that_differ() == []
