"""The blind audit, disputed comments and agreement, through REST."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from sqlalchemy import update

from api.identity.roles import Role
from store.tables import review_claims
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_reviews import Json, Reviewer, fill, ids, named, seen
from tests.store.feed import arrival, send_sampled

AGREEMENT = "/api/v1/analytics/agreement"
OPENED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def reviewer(api: Api) -> Reviewer:
    return Reviewer(api, await add_person(api.store, "审一", Role.REVIEWER, now=api.clock()))


@pytest_asyncio.fixture
async def second(api: Api) -> Reviewer:
    return Reviewer(api, await add_person(api.store, "审二", Role.REVIEWER, now=api.clock()))


@pytest_asyncio.fixture
async def third(api: Api) -> Reviewer:
    return Reviewer(api, await add_person(api.store, "审三", Role.REVIEWER, now=api.clock()))


async def sample(api: Api, count: int = 3) -> None:
    """Comments of the audit sample in one thread, all positive by the model."""
    await send_sampled(
        api.feed,
        *(arrival(str(n), f"第 {n} 条", created=n, probability=0.51 + n / 100, thread="t") for n in range(count)),
    )


async def read(api: Api) -> None:
    """Whoever holds a comment has held it for long enough to read it."""
    async with api.store.writing() as session:
        await session.connection.execute(update(review_claims).values(given_at=OPENED))


async def audit(one: Reviewer, count: int = 5, **request: object) -> Json:
    return await one.post("/next", {"queue": "audit", "count": count, **request})


async def accuracy(api: Api) -> list[tuple[int, int]]:
    rows = (await api.client.get("/api/v1/analytics/accuracy")).json()["rows"]
    return [(row["judged"], row["right"]) for row in rows]


async def decide(one: Reviewer, task: Json, label: str, shown_milliseconds: int | None = None) -> Json:
    return await one.review(task["comment"], label, blind=task["blind"], shown_milliseconds=shown_milliseconds)


def holds_no_verdict(task: Json) -> bool:
    """Whether a task says nothing of what models and people say."""
    comment = task["comment"]
    hidden = [comment[name] for name in ("label", "label_source", "probability", "uncertain", "model")]
    neighbours: list[dict[str, Any]] = [*task["thread"], *task["author"]]
    shown = {name for neighbour in neighbours for name in neighbour}
    return (
        task["blind"] is True
        and hidden == [None] * 5
        and (task["reviews"], task["opinions"], comment["disputed"]) == ([], [], False)
        and shown <= {"platform", "id", "text", "created_at", "author", "thread"}
    )


async def test_a_task_of_the_audit_is_blind_wherever_it_is_given(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api)
    await second.review(await _comment(api, "1"), "negative", reason="反话")
    tasks = (await audit(reviewer))["items"]
    assert len(tasks) == 3
    assert all(holds_no_verdict(task) for task in tasks)
    claimed = await reviewer.post("/lease", {"platform": "forum", "id": "1"})
    assert holds_no_verdict(claimed)


async def test_the_page_of_a_comment_says_nothing_to_whoever_holds_it_blindly(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api, 1)
    [task] = (await audit(reviewer))["items"]
    for path, parameters in (("/api/v1/comments/forum/0", {}), ("/api/v1/comments/forum", {"id": "0"})):
        held, other = [
            (await api.anonymous.get(path, params=parameters, headers=one.person.bearer)).json()
            for one in (reviewer, second)
        ]
        assert (held["comment"]["label"], held["comment"]["probability"], held["predictions"]) == (None, None, [])
        assert (other["comment"]["label"], len(other["predictions"])) == ("positive", 1)
    await decide(reviewer, task, "negative")
    history = (await api.anonymous.get("/api/v1/comments/forum/0", headers=reviewer.person.bearer)).json()
    assert len(history["predictions"]) == 1


async def _comment(api: Api, id: str) -> Json:
    found: Json = (await api.client.get(f"/api/v1/comments/forum/{id}")).json()["comment"]
    return found


async def test_the_audit_is_a_share_of_all_in_an_order_of_its_own(api: Api, reviewer: Reviewer) -> None:
    await send_sampled(api.feed, *(arrival(str(n), created=n, probability=0.99) for n in range(600)), share=0.02)
    answer = await audit(reviewer, 3)
    waiting = answer["remaining"]["count"]
    assert 3 <= waiting <= 40
    assert len(answer["items"]) == 3
    await read(api)
    for task in answer["items"]:
        await decide(reviewer, task, "positive")
    again = await audit(reviewer, 3)
    assert again["remaining"]["count"] == waiting - 3
    assert not set(ids(again["items"])) & set(ids(answer["items"]))


async def test_blind_decisions_are_the_accuracy_and_answer_nothing_of_the_model(api: Api, reviewer: Reviewer) -> None:
    await sample(api)
    tasks = (await audit(reviewer))["items"]
    await read(api)
    for task, label in zip(tasks, ("positive", "negative", "spam"), strict=True):
        added = await decide(reviewer, task, label)
        assert (added["label"], added["from_label"], added["from_source"]) == (label, None, None)
    assert await accuracy(api) == [(2, 1)]
    # A later review from the comment's own page changes the label, and nothing here.
    await reviewer.review(await _comment(api, tasks[0]["comment"]["id"]), "negative")
    assert await accuracy(api) == [(2, 1)]
    answer = await audit(reviewer)
    assert (answer["items"], answer["remaining"]) == ([], {"count": 0, "more": False})


async def test_a_blind_decision_that_is_taken_back_tells_nothing_and_is_made_again(
    api: Api, reviewer: Reviewer
) -> None:
    await sample(api, 1)
    [task] = (await audit(reviewer))["items"]
    await read(api)
    added = await decide(reviewer, task, "negative")
    [result] = (await reviewer.post("/withdraw", {"reviews": [{**named(task["comment"]), "number": added["number"]}]}))[
        "results"
    ]
    assert (result["state"], result["label"], result["label_source"]) == ("withdrawn", None, None)
    assert await accuracy(api) == []
    [again] = (await audit(reviewer))["items"]
    assert holds_no_verdict(again)
    await read(api)
    await decide(reviewer, again, "positive")
    assert await accuracy(api) == [(1, 1)]


async def test_a_decision_faster_than_reading_is_left_to_somebody_else(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api, 1)
    [task] = (await audit(reviewer))["items"]
    await read(api)
    await decide(reviewer, task, "negative", shown_milliseconds=90)
    assert await accuracy(api) == []
    assert (await audit(reviewer))["items"] == []
    [task] = (await audit(second))["items"]
    # Held for a moment alone, whatever the client says.
    await decide(second, task, "negative", shown_milliseconds=80_000_000)
    assert await accuracy(api) == []


async def test_the_goal_comes_with_the_audit_alone(api: Api, reviewer: Reviewer) -> None:
    await sample(api, 2)
    first = await audit(reviewer)
    assert first["goal"] == {"judged": 0, "more": 381}
    await read(api)
    await decide(reviewer, first["items"][0], "positive")
    goal = (await audit(reviewer))["goal"]
    assert goal["judged"] == 1
    assert 0 < goal["more"] < 381
    assert (await reviewer.post("/next", {}))["goal"] is None


async def test_what_waits_for_the_audit_is_in_no_other_queue_and_left_out_of_bulk(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api, 1)
    await api.feed.send(arrival("outside", "不在样本里"))
    assert ids(await reviewer.next(5)) == ["outside"]
    comments = [await _comment(api, id) for id in ("0", "outside")]
    body = {"label": "spam", "comments": [seen(comment) for comment in comments]}
    results = (await second.post("/bulk", body))["results"]
    assert [(one["state"], one["review"] is None) for one in results] == [("in_audit", True), ("reviewed", False)]
    # From its own page it is reviewed, and waits for the audit all the same.
    await second.review(comments[0], "negative")
    assert ids((await audit(reviewer))["items"]) == ["0"]
    assert (await audit(second))["items"] == []


async def test_the_audit_is_not_filtered_by_what_the_model_says(api: Api, reviewer: Reviewer) -> None:
    await sample(api, 1)
    for name, value in (("label", "positive"), ("uncertain", True), ("probability_from", 0.5), ("probability_to", 1)):
        problem = await reviewer.post("/next", {"queue": "audit", "filter": {name: value}}, 422)
        assert problem["code"] == "invalid_request"
        assert "the audit is blind" in problem["detail"]
    assert ids((await audit(reviewer, filter={"platform": "forum", "text": "第 0"}))["items"]) == ["0"]


async def test_a_disputed_comment_goes_to_a_third_person_without_names(
    api: Api, reviewer: Reviewer, second: Reviewer, third: Reviewer
) -> None:
    await fill(api, 2)
    [task] = await reviewer.next()
    await reviewer.review(task["comment"], "negative", reason="反话")
    await second.review(task["comment"], "spam")
    shown = await _comment(api, "0")
    assert (shown["label"], shown["disputed"]) == ("spam", True)
    assert [(await one.post("/next", {"queue": "disputed"}))["items"] for one in (reviewer, second)] == [[], []]
    answer = await third.post("/next", {"queue": "disputed"})
    assert answer["remaining"] == {"count": 1, "more": False}
    [disputed] = answer["items"]
    assert disputed["opinions"] == [{"label": "negative", "reason": "反话"}, {"label": "spam", "reason": None}]
    assert (disputed["comment"]["label"], disputed["comment"]["label_source"], disputed["reviews"]) == (None, None, [])
    assert not any(name in str(answer) for name in ("审一", "审二"))
    await third.review(disputed["comment"], "negative")
    shown = await _comment(api, "0")
    assert (shown["label"], shown["label_source"], shown["disputed"]) == ("negative", "review", False)


async def test_a_disputed_text_is_exported_when_it_is_asked_for(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 2)
    for task in await reviewer.next(2):
        await reviewer.review(task["comment"], "negative")
    await second.review(await _comment(api, "0"), "positive")
    exported = [
        (await api.client.get("/api/v1/reviews/export", params=parameters)).text
        for parameters in ({}, {"disputed": "true"})
    ]
    assert [text.count("\n") for text in exported] == [1, 2]
    assert '"disputed":true' in exported[1]
    table = await api.client.get("/api/v1/reviews/export", params={"disputed": "true", "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [(row["id"], row["label"], row["disputed"]) for row in rows] == [
        ("0", "positive", "True"),
        ("1", "negative", "False"),
    ]


async def test_agreement_by_pair_and_by_label(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    assert (await api.client.get(AGREEMENT)).json() == {"rows": []}
    await fill(api, 12)
    for n in range(12):
        comment = await _comment(api, str(n))
        await reviewer.review(comment, "positive" if n < 7 else "negative")
        await second.review(comment, "positive" if n < 6 else "negative")
    rows = (await api.client.get(AGREEMENT)).json()["rows"]
    assert [(row["reviewers"], row["label"]) for row in rows] == [
        (reviewers, label)
        for reviewers in ("all", "pair")
        for label in (None, "positive", "negative", "unclear", "spam")
    ]
    pair = rows[5]
    assert (pair["first"], pair["second"], pair["texts"], pair["same"]) == ("审一", "审二", 12, 11)
    assert round(pair["kappa"], 3) == 0.833
    assert pair["kappa_low"] < pair["kappa"] < pair["kappa_high"] <= 1
    assert (rows[0]["kappa"], rows[0]["texts"]) == (None, 12)
    assert rows[0]["alpha"] == pair["alpha"]
    table = await api.client.get(AGREEMENT, params={"format": "csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(table.content.decode("utf-8-sig").splitlines()) == 11
