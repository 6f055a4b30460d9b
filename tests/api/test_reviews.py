"""The review queue and reviews over REST."""

import asyncio
from typing import Any

import httpx2 as httpx
import pytest

from api.identity.roles import Role
from store import queue
from store.batch import Label
from store.comments import comment_history
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.reviewers import REVIEWS, Reviewer, add_reviewer, ids, named, seen
from tests.store.feed import arrival, tombstone


async def fill(api: Api, count: int = 6) -> None:
    """Store comments 0, 1, 2, ... with decreasing uncertainty."""
    for n in range(count):
        await api.feed.send(
            arrival(str(n), f"第 {n} 条", created=n, probability=0.51 + n / 100, uncertain=True, thread="t")
        )


async def shown(api: Api, id: str) -> tuple[str | None, str | None]:
    history = await api.store.read(comment_history, "forum", id)
    assert history is not None
    assert history.comment is not None
    return history.comment.label, history.comment.label_source


async def test_what_waits_and_what_is_done_are_of_one_moment(
    api: Api, reviewer: Reviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review is stored between the two counts. If they were read separately, the page would show one too many."""
    await fill(api, 3)
    decided = await reviewer.next()
    remaining = queue.remaining

    async def decide_behind(*arguments: Any) -> queue.Remaining:
        found = await remaining(*arguments)
        while decided:
            await reviewer.review(decided.pop()["comment"], "negative")
        return found

    monkeypatch.setattr(queue, "remaining", decide_behind)
    answer = await reviewer.post("/next", {"count": 1})
    assert (answer["remaining"]["count"], answer["done_today"]) == (2, 1)


async def test_the_most_uncertain_come_first_with_their_context(api: Api, reviewer: Reviewer) -> None:
    await fill(api)
    answer = await reviewer.post("/next", {"count": 3})
    assert ids(answer["items"]) == ["0", "1", "2"]
    assert answer["remaining"] == {"count": 6, "more": False}
    assert answer["done_today"] == 0
    first = answer["items"][0]
    assert first["comment"]["text"] == "第 0 条"
    assert [other["id"] for other in first["thread"]] == ["5", "4", "3", "2", "1"]
    assert first["reviews"] == []
    assert first["claimed_until"] > first["comment"]["stored_at"]


async def test_what_is_held_already_is_not_given_again(api: Api, reviewer: Reviewer) -> None:
    await fill(api)
    first = await reviewer.next(2)
    held = [named(task["comment"]) for task in first]
    assert ids(await reviewer.next(2, held=held)) == ["2", "3"]


async def test_two_reviewers_at_once_never_get_the_same(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 12)
    found = await asyncio.gather(*(one.next(3) for one in (reviewer, second)))
    assert sorted(ids(found[0]) + ids(found[1]), key=int) == [str(n) for n in range(6)]


async def test_eight_at_once_on_a_server_never_get_the_same(server_api: Api) -> None:
    await fill(server_api, 60)
    people = [await add_reviewer(server_api, f"审{n}") for n in range(8)]
    found = await asyncio.gather(*(person.next(5) for person in people))
    given = [id for tasks in found for id in ids(tasks)]
    assert len(given) == len(set(given)) == 40


async def test_a_review_is_stored_and_shown(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    added = await reviewer.review(task["comment"], "negative", reason="反话")
    assert added["label"] == "negative"
    assert (added["from_label"], added["from_source"]) == ("positive", "active_model")
    assert added["second_opinion"] is False
    assert await shown(api, "0") == ("negative", "review")
    assert await reviewer.next() == []
    answer = await reviewer.post("/next", {})
    assert (answer["done_today"], answer["remaining"]["count"], answer["searched_all"]) == (1, 0, True)


async def test_the_same_review_again_adds_nothing(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    first = await reviewer.review(task["comment"], "spam")
    again = await reviewer.review(task["comment"], "spam")
    assert again["number"] == first["number"]
    assert len((await reviewer.get())["items"]) == 1


async def test_a_second_opinion_stands_beside_the_first(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    await reviewer.review(task["comment"], "negative")
    claimed = await second.post("/lease", named(task["comment"]))
    assert [(review["label"], review["reviewer"]) for review in claimed["reviews"]] == [("negative", "审一")]
    added = await second.review(claimed["comment"], "unclear")
    assert (added["second_opinion"], added["from_label"], added["from_source"]) == (True, "negative", "review")
    history = (await api.client.get("/api/v1/comments/forum/0")).json()["reviews"]
    assert [(one["reviewer"], one["from_label"], one["label"], one["stands"]) for one in history] == [
        ("审二", "negative", "unclear", True),
        ("审一", "positive", "negative", False),
    ]


async def test_a_second_opinion_is_asked_without_telling_the_first(
    api: Api, reviewer: Reviewer, second: Reviewer
) -> None:
    await fill(api, 2)
    [task] = await reviewer.next()
    await reviewer.review(task["comment"], "spam", reason="广告")
    answer = await second.post("/next", {"queue": "second_opinion", "count": 5})
    assert ids(answer["items"]) == ["0"]
    assert answer["remaining"] == {"count": 1, "more": False}
    [blind] = answer["items"]
    assert (blind["comment"]["label"], blind["comment"]["label_source"], blind["reviews"]) == (None, None, [])
    assert blind["comment"]["probability"] == 0.51
    added = await second.review(blind["comment"], "positive")
    assert (added["second_opinion"], added["from_label"], added["from_source"]) == (True, "spam", "review")
    assert await second.next(5, queue="second_opinion") == []
    assert await reviewer.next(5, queue="second_opinion") == []


async def test_a_text_that_was_edited_meanwhile_is_not_reviewed(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    await api.feed.send(arrival("0", "改过的话", edited=90, thread="t", label=Label.NEGATIVE, probability=0.1))
    problem = await reviewer.review(task["comment"], "positive", status=409)
    assert problem["code"] == "edited_meanwhile"
    assert await shown(api, "0") == ("negative", "active_model")
    claimed = await reviewer.post("/lease", named(task["comment"]))
    assert claimed["comment"]["text"] == "改过的话"
    assert [version["text"] for version in claimed["earlier_versions"]] == ["第 0 条"]
    await reviewer.review(claimed["comment"], "negative")


async def test_the_digest_knows_a_text_that_changed_within_one_version(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    await api.feed.send(arrival("0", "同一版本的另一段话", created=0, thread="t"))
    digest = task["comment"]["text_digest"]
    problem = await reviewer.review(task["comment"], "positive", status=409, text_digest=digest)
    assert problem["code"] == "edited_meanwhile"


async def test_a_comment_that_was_erased_is_not_there(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    await api.feed.send(tombstone("0", at=100))
    assert (await reviewer.review(task["comment"], "positive", status=404))["code"] == "no_comment"
    assert (await reviewer.post("/lease", named(task["comment"]), 404))["code"] == "no_comment"


async def test_what_is_taken_back_is_held_again(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    added = await reviewer.review(task["comment"], "negative")
    request = {"reviews": [{**named(task["comment"]), "number": added["number"]}]}
    [result] = (await reviewer.post("/withdraw", request))["results"]
    assert (result["state"], result["label"], result["label_source"]) == ("withdrawn", "positive", "active_model")
    assert await shown(api, "0") == ("positive", "active_model")
    assert await second.next() == []
    assert ids(await reviewer.next()) == ["0"]
    [again] = (await reviewer.post("/withdraw", request))["results"]
    assert again["state"] == "nothing_to_undo"
    [listed] = (await reviewer.get())["items"]
    assert (listed["withdrawn"], listed["stands"]) == (True, False)
    assert (await reviewer.post("/next", {}))["done_today"] == 0


async def test_nobody_takes_back_what_another_one_decided(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 1)
    [task] = await reviewer.next()
    added = await reviewer.review(task["comment"], "negative")
    request = {"reviews": [{**named(task["comment"]), "number": added["number"]}]}
    [result] = (await second.post("/withdraw", request))["results"]
    assert result["state"] == "nothing_to_undo"
    assert await shown(api, "0") == ("negative", "review")


async def test_skipped_comments_go_to_others(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 2)
    [task] = await reviewer.next()
    await reviewer.post("/skip", named(task["comment"]), 204)
    assert ids(await reviewer.next(2)) == ["1"]
    assert ids(await second.next(2)) == ["0"]


async def test_released_comments_go_to_others(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 2)
    tasks = await reviewer.next(2)
    assert await second.next(2) == []
    kept = await reviewer.post("/renew", {"comments": [named(task["comment"]) for task in tasks]})
    assert len(kept["comments"]) == 2
    await reviewer.post("/release", {"comments": [named(tasks[0]["comment"])]}, 204)
    assert ids(await second.next(2)) == ids(tasks[:1])
    kept = await reviewer.post("/renew", {"comments": [named(task["comment"]) for task in tasks]})
    assert kept["comments"] == [named(tasks[1]["comment"])]


async def test_a_queue_is_filtered(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 3)
    await api.feed.send(arrival("a", "发票 100% 没有寄来", platform="shop", probability=0.5))
    assert ids(await reviewer.next(5, filter={"platform": "shop"})) == ["a"]
    assert ids(await reviewer.next(5, filter={"text": "0% 没"})) == ["a"]
    assert ids(await reviewer.next(5, filter={"probability_from": 0.525})) == ["2"]
    assert await reviewer.next(5, filter={"text": "_"}) == []


async def test_many_are_reviewed_at_once_and_each_is_answered(api: Api, reviewer: Reviewer) -> None:
    await fill(api, 3)
    comments = (await api.client.get("/api/v1/comments")).json()["items"]
    await api.feed.send(arrival("1", "改过的话", edited=90), tombstone("2", at=100))
    body = {"label": "spam", "comments": [seen(comment) for comment in comments]}
    results = (await reviewer.post("/bulk", body))["results"]
    assert [(one["id"], one["state"]) for one in results] == [
        ("2", "no_comment"),
        ("1", "edited_meanwhile"),
        ("0", "reviewed"),
    ]
    assert results[2]["review"]["from_label"] == "positive"
    assert await shown(api, "0") == ("spam", "review")
    assert await shown(api, "1") == ("positive", "active_model")


async def test_more_than_500_at_once_are_refused(reviewer: Reviewer) -> None:
    comments = [{"platform": "forum", "id": str(n), "version": 0} for n in range(501)]
    problem = await reviewer.post("/bulk", {"label": "spam", "comments": comments}, 422)
    assert problem["code"] == "invalid_request"


async def test_reviews_are_listed_own_or_all(api: Api, reviewer: Reviewer, second: Reviewer) -> None:
    await fill(api, 3)
    for one, label in ((reviewer, "negative"), (second, "spam"), (reviewer, "positive")):
        [task] = await one.next()
        await one.review(task["comment"], label)
    first = await reviewer.get(limit=2)
    assert [item["id"] for item in first["items"]] == ["2", "1"]
    rest = await reviewer.get(limit=2, after=first["next"])
    assert ([item["id"] for item in rest["items"]], rest["next"]) == (["0"], None)
    assert [item["id"] for item in (await reviewer.get(mine=True))["items"]] == ["2", "0"]
    assert [item["id"] for item in (await reviewer.get(label="spam"))["items"]] == ["1"]


@pytest.mark.parametrize("id", ["a/b", "..", "a b ", "%2F", "李?#", "x\ny"])
async def test_ids_are_whatever_the_platform_says(api: Api, reviewer: Reviewer, id: str) -> None:
    await api.feed.send(arrival(id))
    [task] = await reviewer.next()
    assert task["comment"]["id"] == id
    await reviewer.review(task["comment"], "unclear")
    assert await shown(api, id) == ("unclear", "review")


@pytest.mark.parametrize("path", ["", "/next", "/lease", "/renew", "/release", "/skip", "/bulk", "/withdraw"])
async def test_users_may_not_review(api: Api, path: str) -> None:
    user = await add_person(api.store, "小用", Role.USER, now=api.clock())
    answer = await api.anonymous.post(REVIEWS + path, json={}, headers=user.bearer)
    assert answer.status_code == 403
    assert (await api.anonymous.post(REVIEWS + path, json={})).status_code == 401


async def test_a_wrong_cursor_is_refused(reviewer: Reviewer) -> None:
    answer: httpx.Response = await reviewer.api.anonymous.get(
        REVIEWS, params={"after": "x"}, headers=reviewer.person.bearer
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
