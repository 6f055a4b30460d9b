"""Changes against earlier periods, what contributes to them, and annotations, over REST."""

from typing import Any

import pytest

from api.drivers import GroupKind, find_drivers
from api.identity.roles import Role
from api.keywords import candidates
from store.batch import Label
from store.period_sample import PeriodSample, SampledComment
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_comments import problem
from tests.store.feed import arrival

pytestmark = pytest.mark.timeout(60)
ROOT = "/api/v1/analytics"
SECOND_HOUR = {"created_from": "2026-02-01T00:00:00Z", "created_to": "2026-02-01T01:00:00Z"}


def sample(*groups: tuple[int, int, str | None, str]) -> PeriodSample:
    """A sample of groups (comments, negative ones, thread, text)."""
    found = [
        SampledComment("forum", thread, f"u{index % 40}", text, index < negative)
        for comments, negative, thread, text in groups
        for index in range(comments)
    ]
    return PeriodSample(found, len(found))


def cut(text: str) -> list[str]:
    return text.split()


def test_contributions_of_threads_add_up_to_the_change() -> None:
    before = sample((100, 20, "t1", "很好 谢谢"), (100, 20, None, "很好 谢谢"))
    now = sample((100, 20, "t1", "很好 谢谢"), (100, 20, None, "很好 谢谢"), (50, 45, "t7", "退货 谢谢"))
    difference = 85 / 250 - 40 / 200
    found = find_drivers(now, before, difference, cut)
    [thread] = [one for one in found if one.kind is GroupKind.THREAD]
    assert (thread.name, thread.comments, thread.negative, thread.comments_before) == ("t7", 50, 45, 0)
    # Everything else stayed as it was, so the new thread is the whole change.
    assert thread.points == pytest.approx((45 - 0.2 * 50) / 250)
    assert thread.share == pytest.approx(1)
    [word] = [one for one in found if one.kind is GroupKind.WORD]
    assert word.name == "退货"
    assert word.share == pytest.approx(1)
    assert not [one for one in found if one.kind is GroupKind.PLATFORM]


def test_a_thread_that_ended_contributes_to_a_fall() -> None:
    before = sample((100, 20, "t1", "很好"), (60, 55, "t2", "退货"))
    now = sample((150, 30, "t1", "很好"))
    found = find_drivers(now, before, 30 / 150 - 75 / 160, cut)
    assert next(one.name for one in found if one.kind is GroupKind.THREAD) == "t2"
    assert all(one.share > 0 > one.points for one in found)


def test_chance_contributes_nothing() -> None:
    threads = [(30, 9 + index % 3, f"t{index}", f"词{index} 很好") for index in range(20)]
    before = sample(*((30, 9 + (index + 1) % 3, f"t{index}", f"词{index} 很好") for index in range(20)))
    assert find_drivers(sample(*threads), before, 0.001, cut) == []
    assert find_drivers(sample(), before, 0.1, cut) == []


def test_candidates_are_no_function_words() -> None:
    assert candidates(cut, "退货 的 这个 好 退货") == {"退货"}


@pytest.fixture
async def refunds(api: Api) -> Api:
    """One hour with 10 % negative comments, and one in which a thread about refunds raises the share."""
    await api.feed.send(
        *(arrival(f"a{n}", "物流很快", created=30 + n / 4, label=_label(n % 10 == 0)) for n in range(200)),
        *(arrival(f"b{n}", "物流很快", created=90 + n / 4, label=_label(n % 10 == 0)) for n in range(200)),
        *(
            arrival(
                f"c{n}", "客服不理人，退货", created=91 + n / 4, label=_label(n % 10 > 0), thread="t-7", author="u-7"
            )
            for n in range(60)
        ),
    )
    return api


def _label(negative: bool) -> Label:
    return Label.NEGATIVE if negative else Label.POSITIVE


async def get(api: Api, name: str, **query: str) -> dict[str, Any]:
    answer = await api.client.get(f"{ROOT}/{name}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_changes_are_shown_to_users(refunds: Api) -> None:
    user = await add_person(refunds.store, "小用", Role.USER, now=refunds.clock())
    refunds.client.headers.update(user.bearer)
    [change] = (await get(refunds, "changes", **SECOND_HOUR))["rows"]
    assert (change["baseline"], change["shift_hours"]) == ("previous", 1)
    assert (change["comments"], change["negative"]) == (260, 74)
    assert (change["comments_before"], change["negative_before"]) == (200, 20)
    assert change["difference"] == pytest.approx(74 / 260 - 0.1)
    assert change["p_value"] < 1e-5


async def test_drivers_are_the_thread_the_author_and_words(refunds: Api) -> None:
    found = await get(refunds, "drivers", **SECOND_HOUR)
    assert (found["read"], found["read_before"]) == (260, 200)
    assert found["change"]["difference"] == pytest.approx(74 / 260 - 0.1)
    best = {row["kind"]: row for row in reversed(found["rows"])}
    assert (best["thread"]["name"], best["author"]["name"], best["word"]["share"]) == (
        "t-7",
        "u-7",
        pytest.approx(1),
    )
    assert best["thread"]["share"] == pytest.approx(1)
    assert {row["name"] for row in found["rows"] if row["kind"] == "word"} >= {"客服", "退货"}
    empty = await get(refunds, "drivers", created_from="1999-01-01T00:00:00Z", created_to="1999-01-02T00:00:00Z")
    assert (empty["rows"], empty["change"]) == ([], None)
    csv = await refunds.client.get(f"{ROOT}/drivers", params={**SECOND_HOUR, "format": "csv"})
    assert csv.text.splitlines()[0].removeprefix("\ufeff").startswith("kind,name,points,share,")


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("changes", {"created_from": "2026-02-01T00:00:00Z"}, "created_to are required"),
        ("drivers", {**SECOND_HOUR, "created_from": "2024-02-01T00:00:00Z"}, "at most 366 days"),
        ("drivers", {**SECOND_HOUR, "baseline": "yesterday"}, "'previous' or 'same_weekdays'"),
    ],
)
async def test_questions_that_are_refused(api: Api, name: str, query: dict[str, str], sentence: str) -> None:
    assert sentence in problem(await api.client.get(f"{ROOT}/{name}", params=query), 422)["detail"]


async def test_annotations(api: Api) -> None:
    notice = {"title": "系统维护", "body": "今晚维护", "starts_at": "2026-02-01T08:00:00Z"}
    assert (await api.client.post("/api/v1/notices", json=notice)).status_code == 201
    [row] = (await get(api, "annotations", created_from="2026-02-01T00:00:00Z"))["rows"]
    assert (row["at"], row["kind"], row["title"]) == ("2026-02-01T08:00:00Z", "notice", "系统维护")
    assert (await get(api, "annotations", created_to="2026-02-01T00:00:00Z"))["rows"] == []
