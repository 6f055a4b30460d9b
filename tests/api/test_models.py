"""Models over REST: list, coverage, promotion and rollback; and comments that the active model has not labelled."""

import pytest

from store.audit import Actor, AuditFilter, list_records
from store.batch import Label, ModelRow
from store.models import read_active, register_model
from store.promotion import retire_model
from tests.api.conftest import Api
from tests.store.feed import arrival, feed_of

WANG = Actor(7, "wang", "session", None)
FILES = {"SHA256SUMS": b"sums"}


async def second_model(api: Api, sha256: str = "b" * 64) -> ModelRow:
    return await register_model(api.store, sha256, "second", 0.2, 0.8, files=FILES)


async def active(api: Api) -> int:
    model = await api.store.read(read_active)
    assert model is not None
    return model.number


async def post(api: Api, path: str, **body: object) -> tuple[int, str | None]:
    """Return the status, and the problem's code if there is one."""
    answer = await api.client.post(f"/api/v1/models/{path}", json=body)
    return answer.status_code, answer.json().get("code")


async def test_models_are_listed_with_their_coverage(api: Api) -> None:
    await api.feed.send(*(arrival(str(n)) for n in range(4)))
    second = await second_model(api, api.services.predictor.model.sha256)
    items = (await api.client.get("/api/v1/models")).json()["items"]
    assert [(one["number"], one["active"], one["loaded"], one["registered"]) for one in items] == [
        (second.number, False, True, True),
        (api.feed.model.number, True, False, False),
    ]
    assert [one["coverage"] for one in items] == [
        {"comments": 4, "labelled": 0, "missing": 4, "share": 0},
        {"comments": 4, "labelled": 4, "missing": 0, "share": 1},
    ]
    shown = (await api.client.get(f"/api/v1/models/{second.number}")).json()
    assert shown == items[0] | {"months": [{"month": "2026-01", "coverage": items[0]["coverage"]}]}
    missing = await api.client.get("/api/v1/models/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_model")


async def test_promotion_and_rollback(api: Api) -> None:
    first, second = api.feed.model.number, (await second_model(api)).number
    assert await post(api, f"{second}/promote", instead_of=first) == (200, None)
    assert await active(api) == second
    items = (await api.client.get("/api/v1/models")).json()["items"]
    assert [(one["active"], one["predecessor"]) for one in items] == [(True, first), (False, None)]
    assert await post(api, f"{second}/promote") == (200, None)
    # The first model was registered without its artifact.
    assert await post(api, f"{second}/rollback") == (409, "model_not_registered")
    await register_model(api.store, api.feed.model.sha256, "first", 0.2, 0.8, files=FILES)
    answer = await api.client.post(f"/api/v1/models/{second}/rollback")
    assert (answer.status_code, answer.json()["number"], answer.json()["active"]) == (200, first, True)
    assert await post(api, f"{first}/rollback") == (409, "no_previous_model")
    # A repeated request does not roll back twice.
    assert await post(api, f"{second}/rollback") == (409, "other_model_active")
    async with api.store.reading() as connection:
        records = (await list_records(connection, AuditFilter(action="model."), None, 10)).items
    assert [(one.action, one.object_id, one.via) for one in records] == [
        ("model.roll_back", str(first), "token"),
        ("model.promote", str(second), "token"),
    ]


async def test_refused_promotions(api: Api) -> None:
    first, second = api.feed.model.number, (await second_model(api)).number
    assert await post(api, "99/promote") == (404, "no_model")
    assert await post(api, "99/rollback") == (409, "other_model_active")
    assert await post(api, f"{second}/promote", instead_of=99) == (409, "other_model_active")
    lost = await register_model(api.store, "c" * 64, "lost", 0.2, 0.8)
    assert await post(api, f"{lost.number}/promote") == (409, "model_not_registered")
    await api.feed.send(arrival("1"), arrival("2"))
    answer = await api.client.post(f"/api/v1/models/{second}/promote", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "model_incomplete")
    assert answer.json()["detail"].startswith("The model has not labelled 2 comments.")
    assert await post(api, f"{second}/promote", unknown=1) == (422, "invalid_request")
    retired = await second_model(api, "d" * 64)
    await api.store.write(retire_model, WANG, retired.number)
    assert await post(api, f"{retired.number}/promote", incomplete=True) == (409, "model_retired")
    assert await active(api) == first
    assert await post(api, f"{second}/promote", incomplete=True) == (200, None)
    assert await active(api) == second


async def test_the_next_request_shows_the_labels_of_the_promoted_model(api: Api) -> None:
    await api.feed.send(arrival("1"), arrival("2"))
    other = await feed_of(api.store, "b" * 64)
    await other.send(arrival("1", label=Label.NEGATIVE, probability=0.1), arrival("2"))
    for sha256 in (api.feed.model.sha256, "b" * 64):
        await register_model(api.store, sha256, "", 0.3, 0.7, files=FILES)

    async def shown() -> dict[str, tuple[str, str]]:
        items = (await api.client.get("/api/v1/comments")).json()["items"]
        return {one["id"]: (one["label"], one["model"][:1]) for one in items}

    async def positive() -> int:
        rows = (await api.client.get("/api/v1/analytics/platforms")).json()["rows"]
        return sum(row["positive"] for row in rows)

    first = api.feed.model.sha256[:1]
    before = {"1": ("positive", first), "2": ("positive", first)}
    assert (await shown(), await positive()) == (before, 2)
    assert await post(api, f"{other.model.number}/promote") == (200, None)
    assert (await shown(), await positive()) == ({"1": ("negative", "b"), "2": ("positive", "b")}, 1)
    assert await post(api, f"{other.model.number}/rollback") == (200, None)
    assert (await shown(), await positive()) == (before, 2)


@pytest.mark.parametrize("card", ["labels", "platforms", "hours"])
async def test_charts_state_how_many_comments_are_unlabelled(api: Api, card: str) -> None:
    await api.feed.send(arrival("1"), arrival("2", platform="desk"))
    other = await feed_of(api.store, "b" * 64)
    await other.send(arrival("3"), arrival("4", platform="desk"), arrival("5", platform="desk"))

    async def count(query: str = "") -> int:
        return int((await api.client.get(f"/api/v1/analytics/{card}{query}")).json()["unlabelled"])

    assert await count() == 3
    assert await count("?platform=desk") == 2
    assert await count("?created_from=2026-02-01T00:00:00Z") == 0
    assert await count(f"?model={'b' * 64}") == 2


async def test_the_queue_states_how_many_comments_are_unlabelled(api: Api) -> None:
    await api.feed.send(arrival("1", uncertain=True))
    other = await feed_of(api.store, "b" * 64)
    await other.send(arrival("2"), arrival("3", platform="desk"))

    async def count(queue: str, **filters: object) -> int:
        answer = await api.client.post("/api/v1/reviews/next", json={"queue": queue, "filter": filters})
        return int(answer.json()["unlabelled"])

    assert await count("uncertain") == 2
    assert await count("uncertain", platform="desk") == 1
    assert await count("audit") == 0
