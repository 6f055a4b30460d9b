"""Decisions for all comments with the same text, through REST and through a restart of the API."""

import asyncio

import pytest
import pytest_asyncio

from api import background
from api.group_decisions import work_on_groups
from store import group_decisions
from store.group_decisions import take_steps
from store.sample import AuditSample
from tests.api.conftest import Api
from tests.api.reviewers import Json, Reviewer, add_reviewer, ids, named
from tests.api.test_reviews import shown
from tests.store.feed import ERASURE_KEY, arrival, tombstone
from tests.store.test_refused_work import refused

SAMPLE = AuditSample.of(ERASURE_KEY, 0.02)
IDS = [id for id in map(str, range(100)) if SAMPLE.rank("forum", id) is None][:12]


@pytest_asyncio.fixture
async def reviewer(api: Api) -> Reviewer:
    """Somebody to review twelve copies of one text, and another text."""
    await api.feed.send(
        *(arrival(id, "默认好评", probability=0.501) for id in IDS), arrival("other", "别的话", probability=0.6)
    )
    return await add_reviewer(api, "审一")


async def decide(reviewer: Reviewer, label: str = "spam") -> Json:
    [task] = await reviewer.next()
    return await reviewer.review(task["comment"], label, all_occurrences=True)


async def progress(reviewer: Reviewer, added: Json) -> Json:
    return await reviewer.get(f"/groups/{added['group_number']}")


async def finish(api: Api) -> None:
    while (await take_steps(api.store)).taken:
        pass


async def test_a_text_is_decided_and_its_progress_is_shown(
    api: Api, reviewer: Reviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_decisions, "AT_ONCE", 5)
    answer = await reviewer.post("/next", {"count": 2})
    assert [(task["comment"]["id"], task["occurrences"]) for task in answer["items"]] == [(IDS[0], 12), ("other", 1)]
    assert (answer["items"][0]["more_occurrences"], answer["items"][0]["earlier_decision"]) == (False, None)
    added = await reviewer.review(answer["items"][0]["comment"], "spam", all_occurrences=True)
    assert await shown(api, IDS[0]) == ("spam", "review")
    assert await shown(api, IDS[5]) == ("positive", "active_model")
    found = await progress(reviewer, added)
    assert (found["state"], found["occurrences"], found["stored"]) == ("storing", 12, 1)
    await take_steps(api.store)
    assert (await progress(reviewer, added))["stored"] == 6
    await finish(api)
    found = await progress(reviewer, added)
    assert (found["state"], found["stored"], found["skipped"], found["withdrawn"]) == ("stored", 12, 0, 0)
    assert await shown(api, IDS[5]) == ("spam", "review")
    answer = await reviewer.post("/next", {})
    assert (answer["done_today"], answer["remaining"]["count"]) == (1, 1)
    listed = (await reviewer.get())["items"]
    assert {item["group_number"] for item in listed} == {added["group_number"]}


async def test_one_comment_is_decided_alone_unless_asked_for_all(api: Api, reviewer: Reviewer) -> None:
    [task] = await reviewer.next()
    added = await reviewer.review(task["comment"], "spam")
    assert added["group_number"] is None
    await finish(api)
    assert await shown(api, IDS[1]) == ("positive", "active_model")


async def test_the_whole_decision_is_taken_back_by_its_review(api: Api, reviewer: Reviewer) -> None:
    added = await decide(reviewer)
    await finish(api)
    request = {"reviews": [{**named(added), "number": added["number"]}]}
    [result] = (await reviewer.post("/withdraw", request))["results"]
    assert (result["state"], result["label"], result["label_source"]) == ("withdrawn", "positive", "active_model")
    assert (await progress(reviewer, added))["state"] == "withdrawing"
    await finish(api)
    found = await progress(reviewer, added)
    assert (found["state"], found["withdrawn"]) == ("withdrawn", 12)
    assert await shown(api, IDS[5]) == ("positive", "active_model")
    [again] = (await reviewer.post("/withdraw", request))["results"]
    assert again["state"] == "nothing_to_undo"
    answer = await reviewer.post("/next", {})
    assert (ids(answer["items"]), answer["items"][0]["occurrences"], answer["done_today"]) == ([IDS[0]], 12, 0)


async def test_a_decision_whose_first_comment_is_gone_is_taken_back(api: Api, reviewer: Reviewer) -> None:
    added = await decide(reviewer)
    await finish(api)
    await api.feed.send(tombstone(IDS[0], at=5))
    [result] = (await reviewer.post("/withdraw", {"reviews": [{**named(added), "number": added["number"]}]}))["results"]
    assert (result["state"], result["label"]) == ("withdrawn", None)
    await finish(api)
    assert await shown(api, IDS[5]) == ("positive", "active_model")


async def test_nobody_takes_back_what_another_one_decided(api: Api, reviewer: Reviewer) -> None:
    added = await decide(reviewer)
    second = await add_reviewer(api, "审二")
    request = {"reviews": [{**named(added), "number": added["number"]}]}
    [result] = (await second.post("/withdraw", request))["results"]
    assert result["state"] == "nothing_to_undo"


async def test_audit_and_second_opinions_go_comment_by_comment(api: Api, reviewer: Reviewer) -> None:
    await decide(reviewer)
    await finish(api)
    second = await add_reviewer(api, "审二")
    [task] = await second.next(5, queue="second_opinion")
    assert (task["comment"]["id"], task["occurrences"]) == (IDS[0], None)


async def test_a_decision_that_is_not_there_is_not_found(reviewer: Reviewer) -> None:
    answer = await reviewer.api.client.get("/api/v1/reviews/groups/99")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_group")
    assert (await reviewer.api.anonymous.get("/api/v1/reviews/groups/1")).status_code == 401


async def test_the_background_work_goes_on_after_a_restart(
    api: Api, reviewer: Reviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_decisions, "AT_ONCE", 3)
    added = await decide(reviewer)
    for _ in range(3):  # Processes that are killed, each after some of the work.
        task = asyncio.create_task(work_on_groups(api.services))
        await asyncio.sleep(0.08)
        task.cancel()
        await asyncio.wait([task])
    task = asyncio.create_task(work_on_groups(api.services))
    await _wait_until_stored(reviewer, added)
    task.cancel()
    await asyncio.wait([task])
    assert (await progress(reviewer, added))["stored"] == 12


async def test_the_background_work_retries_a_refused_decision_and_continues_with_others(
    api: Api, reviewer: Reviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.feed.send(*(arrival(f"other {n}", "别的话", probability=0.6) for n in range(2)))
    first = await decide(reviewer)
    second = await decide(reviewer)
    async with refused(api.store, "group_number", first["group_number"]):
        task = asyncio.create_task(work_on_groups(api.services))
        await _wait_until_stored(reviewer, second)
    assert (await progress(reviewer, first))["stored"] == 1
    monkeypatch.setattr(background, "RETRY_SECONDS", 0.0)
    task.cancel()
    await asyncio.wait([task])
    async with refused(api.store, "group_number", first["group_number"]):
        task = asyncio.create_task(work_on_groups(api.services))
        await asyncio.sleep(0.1)
    await _wait_until_stored(reviewer, first)
    task.cancel()
    await asyncio.wait([task])
    assert (await progress(reviewer, first))["stored"] == 12


async def _wait_until_stored(reviewer: Reviewer, added: Json) -> None:
    for _ in range(300):
        if (await progress(reviewer, added))["state"] == "stored":
            return
        await asyncio.sleep(0.1)
