"""The share of negative comments is compared with earlier periods; samples represent a period; annotations."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from store import period_sample
from store.analytics import CountFilter
from store.annotations import AnnotationKind, list_annotations
from store.audit import Actor
from store.batch import Label
from store.changes import Baseline, baselines, read_changes
from store.comments import ShownLabel
from store.intervals import p_of_difference
from store.models import register_model
from store.notices import NoticeText, add_notice, withdraw_notice
from store.period_sample import sample_period
from store.promotion import promote_model, roll_back
from store.reviews import Opinion, add_review
from store.store import Store
from tests.store.feed import Feed, arrival, microseconds, minutes

LI = Actor(7, "小李", "session", None)
NOON = datetime(2026, 2, 11, 12, tzinfo=UTC)  # A Wednesday.
FROM = minutes(30)  # 23:00


def between(first: int, last: int, platform: str | None = None) -> CountFilter:
    """The hours ``first`` to ``last`` after FROM."""
    return CountFilter(FROM + timedelta(hours=first), FROM + timedelta(hours=last), platform)


@pytest.mark.parametrize(
    ("hours", "shifts"),
    [
        (24, {Baseline.PREVIOUS: 24, Baseline.SAME_WEEKDAYS: 168}),
        (168, {Baseline.PREVIOUS: 168}),
        (720, {Baseline.PREVIOUS: 720, Baseline.SAME_WEEKDAYS: 840}),
    ],
)
def test_baselines_are_as_long_and_have_the_same_weekdays(hours: int, shifts: dict[Baseline, int]) -> None:
    filters = CountFilter(NOON, NOON + timedelta(hours=hours), "forum", "a" * 64)
    found = baselines(filters)
    assert {name: NOON - one.created_from for name, one in found.items() if one.created_from} == {
        name: timedelta(hours=shift) for name, shift in shifts.items()
    }
    for one in found.values():
        assert one.created_from is not None
        assert one.created_to is not None
        assert (one.created_to - one.created_from, one.platform, one.model) == (
            timedelta(hours=hours),
            "forum",
            "a" * 64,
        )


def test_no_baseline_begins_before_the_first_year_or_without_ends() -> None:
    first = datetime.min.replace(tzinfo=UTC)
    assert baselines(CountFilter(first + timedelta(days=2), first + timedelta(days=3))).keys() == {Baseline.PREVIOUS}
    assert baselines(CountFilter(first, first + timedelta(days=3))) == {}
    assert baselines(CountFilter(None, NOON)) == baselines(CountFilter(NOON)) == {}


def test_p_value_of_a_difference() -> None:
    # R: prop.test(c(60, 40), c(100, 100), correct = FALSE)
    assert p_of_difference(60, 100, 40, 100) == pytest.approx(0.004678, abs=1e-6)
    assert p_of_difference(51, 100, 49, 100) == pytest.approx(0.777297, abs=1e-6)
    assert p_of_difference(0, 9, 0, 9) == p_of_difference(5, 5, 5, 5) == 1


async def test_changes_use_the_shown_label(feed: Feed) -> None:
    # Hour 0: 2 of 10 negative; hour 1: 6 of 10, one of them by a review.
    for hour, bad in ((0, 2), (1, 5)):
        await feed.send(
            *(
                arrival(f"{hour}-{n}", created=30 + 60 * hour + n, label=Label.NEGATIVE if n < bad else Label.POSITIVE)
                for n in range(10)
            )
        )
    await add_review(feed.store, LI, Opinion("forum", "1-9", microseconds(minutes(99)), ShownLabel.NEGATIVE))
    [change] = await feed.store.read(read_changes, between(1, 2))
    assert (change.baseline, change.shift) == (Baseline.PREVIOUS, timedelta(hours=1))
    assert (change.now.negative, change.now.comments, change.before.negative, change.before.comments) == (6, 10, 2, 10)
    assert change.difference == pytest.approx(0.4)
    assert change.p_value == p_of_difference(6, 10, 2, 10)
    assert await feed.store.read(read_changes, between(0, 1)) == []
    assert await feed.store.read(read_changes, between(5, 6)) == []
    # A week later there are comments again.
    await feed.send(arrival("later", created=30 + 60 + 7 * 24 * 60))
    [weekdays] = await feed.store.read(read_changes, between(7 * 24 + 1, 7 * 24 + 2))
    assert (weekdays.baseline, weekdays.before.comments) == (Baseline.SAME_WEEKDAYS, 10)


async def test_a_small_period_is_read_as_a_whole(feed: Feed) -> None:
    await feed.send(
        *(arrival(f"{n}", f"第{n}条", created=30 + 20 * n, thread=f"t{n}", author=None) for n in range(6)),
        arrival("other", created=40, platform="shop"),
    )
    version = microseconds(minutes(50))
    await add_review(feed.store, LI, Opinion("forum", "1", version, ShownLabel.NEGATIVE))
    found = await feed.store.read(sample_period, between(0, 1, "forum"))
    assert [(one.thread, one.author, one.text, one.negative) for one in found.comments] == [
        ("t0", None, "第0条", False),
        ("t1", None, "第1条", True),
        ("t2", None, "第2条", False),
    ]
    assert found.total == 3
    assert (await feed.store.read(sample_period, between(0, 1))).total == 4
    assert (await feed.store.read(sample_period, between(9, 10))).comments == []
    assert (await feed.store.read(sample_period, CountFilter(FROM, NOON, model="c" * 64))).comments == []


async def test_a_large_period_is_sampled_in_proportion(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(period_sample, "SAMPLE", 40)
    monkeypatch.setattr(period_sample, "CLUSTERS", 20)
    # 300 comments in ten hours, most of them in the last one.
    counts = [10] * 9 + [210]
    await feed.send(
        *(
            arrival(f"{hour}-{n}", created=30 + 60 * hour + 60 * n / count, thread=f"h{hour}")
            for hour, count in enumerate(counts)
            for n in range(count)
        )
    )
    found = await feed.store.read(sample_period, between(0, 10))
    assert (found.total, len(found.comments)) == (300, 40)
    by_hour = Counter(one.thread for one in found.comments)
    # 70 % of the comments are in the last hour.
    assert by_hour["h9"] == 28
    assert sum(by_hour.values()) == 40
    assert max(n for hour, n in by_hour.items() if hour != "h9") <= 2


async def test_annotations_are_promotions_rollbacks_and_notices(feed: Feed) -> None:
    store, first = feed.store, feed.model
    second = await register_model(store, "b" * 64, "<b>二</b>", 0.3, 0.7, files={"SHA256SUMS": b"sums"})
    await register_model(store, first.sha256, first.name, 0.3, 0.7, files={"SHA256SUMS": b"sums"})
    await store.write(promote_model, LI, second.number, first.number)
    await store.write(roll_back, LI, second.number)
    now = datetime.now(UTC) + timedelta(minutes=1)
    await notice(store, "维护", now - timedelta(hours=3))
    await notice(store, "以后", now + timedelta(hours=3))
    withdrawn = await notice(store, "撤下", now - timedelta(hours=2))
    await store.write(withdraw_notice, LI, withdrawn)
    found = await store.read(list_annotations, None, None, now)
    assert [(one.kind, one.title) for one in found] == [
        (AnnotationKind.NOTICE, "维护"),
        (AnnotationKind.PROMOTION, "<b>二</b>"),
        (AnnotationKind.ROLLBACK, "model a"),
    ]
    within = await store.read(list_annotations, found[1].at, found[2].at, now)
    assert within == [found[1]]


async def notice(store: Store, title: str, starts_at: datetime) -> int:
    return (await store.write(add_notice, LI, NoticeText(title, "正文", False, starts_at, None))).number
