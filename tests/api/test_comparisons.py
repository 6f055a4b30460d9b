"""Comparisons over REST: order one, let the background task work on it, and read the result."""

import asyncio
import contextlib
from pathlib import Path

import httpx2 as httpx
import pytest

from api.comparisons import work_on_comparisons
from registry.compare import Worker, work_on_comparison
from store.audit import AuditFilter, list_records
from store.comments import ShownLabel
from tests.api.conftest import Api
from tests.api.test_comments import problem
from tests.registry.two_models import TwoModels, review_all, two_models
from tests.store.feed import arrival, tombstone

PATH = "/api/v1/comparisons"


async def order(api: Api, both: TwoModels, **more: object) -> httpx.Response:
    return await api.client.post(PATH, json={"old": both.old.number, "new": both.new.number, **more})


async def test_a_comparison_is_ordered_and_read(api: Api, tmp_path: Path) -> None:
    both = await two_models(api.store, tmp_path, 60)
    await review_all(api.store, [str(n) for n in range(20)], ShownLabel.POSITIVE)
    answer = await order(api, both)
    assert answer.status_code == 202
    ordered = answer.json()
    assert (ordered["state"], ordered["progress"], ordered["ordered_by"]) == ("requested", 0.0, "admin")
    assert (await order(api, both)).json()["number"] == ordered["number"], "an equal one is not ordered twice"
    waiting = (await api.client.get(f"{PATH}/{ordered['number']}")).json()
    assert (waiting["result"], waiting["examples"]) == (None, [])

    await work_on_comparison(Worker(api.store, api.services.settings, 1))
    done = (await api.client.get(f"{PATH}/{ordered['number']}")).json()
    assert (done["state"], done["progress"]) == ("done", 1.0)
    total = done["result"]["total"]
    assert total["compared"] == 60
    assert total["to_positive"] + total["to_negative"] == len(both.flipped)
    assert [row["platform"] for row in done["result"]["by_platform"]] == ["forum"]
    assert [row["month"] for row in done["result"]["by_month"]] == ["2026-01"]
    assert done["result"]["reviews"]["judged"] == 20
    assert done["result"]["unbiased"]["judged"] == 0
    assert done["result"]["unbiased"]["new"]["accuracy"] == {"value": None, "low": None, "high": None}
    first = done["examples"][0]
    assert first["text"]
    assert first["new_words"]
    listed = (await api.client.get(PATH)).json()["items"]
    assert [one["number"] for one in listed] == [ordered["number"]]
    page = await api.store.read(list_records, AuditFilter(action="model.compare"), None, 10)
    assert [one.user_name for one in page.items] == ["admin"]

    await both.feed.send(tombstone(first["id"], at=1), arrival(done["examples"][1]["id"], "改了", edited=5))
    after = (await api.client.get(f"{PATH}/{ordered['number']}")).json()["examples"]
    assert [one["id"] for one in after] == [one["id"] for one in done["examples"][1:]]
    assert (after[0]["text"], after[0]["new_words"]) == (None, None)


async def test_the_filter_is_kept(api: Api, tmp_path: Path) -> None:
    both = await two_models(api.store, tmp_path, 20)
    limits = {"created_from": "2026-01-01T00:00:00+08:00", "created_to": "2026-01-02T00:00:00Z"}
    number = (await order(api, both, platform="forum", **limits)).json()["number"]
    await work_on_comparison(Worker(api.store, api.services.settings, 1))
    found = (await api.client.get(f"{PATH}/{number}")).json()
    assert (found["platform"], found["created_from"]) == ("forum", "2025-12-31T16:00:00Z")
    assert found["result"]["total"]["compared"] == 0
    assert found["examples"] == []


async def test_impossible_orders_are_problems(api: Api, tmp_path: Path) -> None:
    both = await two_models(api.store, tmp_path, 1)
    old = both.old.number
    same = {"old": old, "new": old}
    unknown = {"old": old, "new": 99}
    empty = {"old": old, "new": both.new.number, "created_from": "2026-01-02T00:00:00Z"}
    empty |= {"created_to": "2026-01-01T00:00:00Z"}
    for body, status, code in ((same, 422, "same_model"), (unknown, 404, "no_model"), (empty, 422, "empty_range")):
        assert problem(await api.client.post(PATH, json=body), status)["code"] == code
    assert problem(await api.client.get(f"{PATH}/12345"), 404)["code"] == "no_comparison"


@pytest.mark.timeout(60)
async def test_the_background_task_works_on_comparisons(api: Api, tmp_path: Path) -> None:
    both = await two_models(api.store, tmp_path, 30)
    number = (await order(api, both)).json()["number"]
    task = asyncio.create_task(work_on_comparisons(api.services))
    try:
        for _ in range(400):
            if (await api.client.get(f"{PATH}/{number}")).json()["state"] == "done":
                break
            await asyncio.sleep(0.1)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert (await api.client.get(f"{PATH}/{number}")).json()["state"] == "done"
