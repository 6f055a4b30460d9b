"""Test the blind audit, disputed comments and agreement in the REST API."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from sqlalchemy import update

from store.tables import review_claims
from tests.api.conftest import Api
from tests.api.reviewers import Json, Reviewer, add_reviewer, ids, named, seen
from tests.api.test_reviews import fill
from tests.store.feed import arrival, send_sampled

AGREEMENT = "/api/v1/analytics/agreement"
OPENED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def third(api: Api) -> Reviewer:
    return await add_reviewer(api, "审三")


async def sample(api: Api, count: int = 3) -> None:
    """Send comments of the audit sample, all in one thread and predicted positive."""
    await send_sampled(
        api.feed,
        *(arrival(str(n), f"第 {n} 条", created=n, probability=0.51 + n / 100, thread="t") for n in range(count)),
    )


async def read(api: Api) -> None:
    """Start all leases early enough for the comments to have been read."""
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
    """Return whether a task reveals no prediction and no review."""
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


async def test_an_audit_task_is_blind_from_every_endpoint(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await sample(api)
    await second.review(await _comment(api, "1"), "negative", reason="反话")
    tasks = (await audit(reviewer))["items"]
    assert len(tasks) == 3
    assert all(holds_no_verdict(task) for task in tasks)
    claimed = await reviewer.post("/lease", {"platform": "forum", "id": "1"})
    assert holds_no_verdict(claimed)


async def test_a_comments_page_hides_the_label_from_the_reviewer_of_its_blind_task(
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


async def test_lists_hide_the_label_from_the_reviewer_of_a_blind_task(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api, 2)
    await second.review(await _comment(api, "1"), "negative")
    assert len((await audit(reviewer))["items"]) == 2

    async def listed(one: Reviewer, path: str, **wanted: str) -> list[Json]:
        answer = await api.anonymous.get(f"/api/v1/{path}", params=wanted, headers=one.person.bearer)
        items: list[Json] = answer.json()["items"]
        return items

    for one, labels in ((reviewer, [None, None]), (second, ["negative", "positive"])):
        shown = await listed(one, "comments")
        assert [comment["label"] for comment in shown] == labels
        assert [comment["probability"] is None for comment in shown] == [label is None for label in labels]
    for filters in ({"label": "positive"}, {"label": "negative"}, {"uncertain": "false"}, {"probability_from": "0"}):
        assert await listed(reviewer, "comments", **filters) == []
        assert len(await listed(second, "comments", **filters)) > 0
    assert (await listed(reviewer, "reviews"), len(await listed(second, "reviews"))) == ([], 1)


async def _comment(api: Api, id: str) -> Json:
    found: Json = (await api.client.get(f"/api/v1/comments/forum/{id}")).json()["comment"]
    return found


async def test_the_audit_offers_undecided_comments_of_the_sample(api: Api, reviewer: Reviewer) -> None:
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


async def test_blind_decisions_determine_the_accuracy_and_reveal_no_prediction(api: Api, reviewer: Reviewer) -> None:
    await sample(api)
    tasks = (await audit(reviewer))["items"]
    await read(api)
    for task, label in zip(tasks, ("positive", "negative", "spam"), strict=True):
        added = await decide(reviewer, task, label)
        assert (added["label"], added["from_label"], added["from_source"]) == (label, None, None)
    assert await accuracy(api) == [(2, 1)]
    # A later review on the comment's own page changes the label but not the accuracy.
    await reviewer.review(await _comment(api, tasks[0]["comment"]["id"]), "negative")
    assert await accuracy(api) == [(2, 1)]
    answer = await audit(reviewer)
    assert (answer["items"], answer["remaining"]) == ([], {"count": 0, "more": False})


async def test_withdrawing_a_blind_decision_reveals_no_label_and_it_can_be_repeated(
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


async def test_a_comment_decided_too_fast_goes_to_another_reviewer(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api, 1)
    [task] = (await audit(reviewer))["items"]
    await read(api)
    await decide(reviewer, task, "negative", shown_milliseconds=90)
    assert await accuracy(api) == []
    assert (await audit(reviewer))["items"] == []
    [task] = (await audit(second))["items"]
    # The lease has only just begun, whatever the client reports.
    await decide(second, task, "negative", shown_milliseconds=80_000_000)
    assert await accuracy(api) == []


async def test_only_the_audit_queue_returns_the_goal(api: Api, reviewer: Reviewer) -> None:
    await sample(api, 2)
    first = await audit(reviewer)
    assert first["goal"] == {"judged": 0, "more": 381}
    await read(api)
    await decide(reviewer, first["items"][0], "positive")
    goal = (await audit(reviewer))["goal"]
    assert goal["judged"] == 1
    assert 0 < goal["more"] < 381
    assert (await reviewer.post("/next", {}))["goal"] is None


async def test_a_comment_that_waits_for_the_audit_is_left_out_of_other_queues_and_bulk(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await sample(api, 1)
    await api.feed.send(arrival("outside", "不在样本里"))
    assert ids(await reviewer.next(5)) == ["outside"]
    comments = [await _comment(api, id) for id in ("0", "outside")]
    body = {"label": "spam", "comments": [seen(comment) for comment in comments]}
    results = (await second.post("/bulk", body))["results"]
    assert [(one["state"], one["review"] is None) for one in results] == [("in_audit", True), ("reviewed", False)]
    # A review on the comment's own page does not end its wait for the audit.
    await second.review(comments[0], "negative")
    assert ids((await audit(reviewer))["items"]) == ["0"]
    assert (await audit(second))["items"] == []


async def test_the_audit_rejects_filters_on_the_prediction(api: Api, reviewer: Reviewer) -> None:
    await sample(api, 1)
    for name, value in (("label", "positive"), ("uncertain", True), ("probability_from", 0.5), ("probability_to", 1)):
        problem = await reviewer.post("/next", {"queue": "audit", "filter": {name: value}}, 422)
        assert problem["code"] == "invalid_request"
        assert "the audit is blind" in problem["detail"]
    assert ids((await audit(reviewer, filter={"platform": "forum", "text": "第 0"}))["items"]) == ["0"]


async def test_a_disputed_comment_goes_to_a_third_reviewer_without_names(
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


async def test_disputed_texts_are_exported_only_on_request(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
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


async def test_agreement_is_returned_by_pair_and_by_label(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
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
