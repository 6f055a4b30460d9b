"""Counts over time, by platform and by hour of the week equal those computed from the comments and their reviews."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from store.analytics import (
    Bucket,
    CountFilter,
    Mix,
    mix_by_hour_of_week,
    mix_by_platform,
    mix_of_all,
    mix_over_time,
)
from store.audit import Actor
from store.batch import Label
from store.comments import LabelledComment, ShownLabel
from store.corrections import audit_accuracy, corrections_by_model, corrections_by_reviewer
from store.reviews import Opinion, add_review, undo_review
from store.search import CommentFilter, list_comments
from store.store import Store
from tests.store.feed import Feed, arrival, feed_of, microseconds, minutes

ALL = CountFilter()
SHANGHAI = timedelta(hours=8)
LI, WANG = Actor(7, "小李", "session", None), Actor(8, "小王", "session", None)


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Ninety comments, one every five hours and ten minutes, on three platforms; some are reviewed."""
    await feed.send(
        *(
            arrival(
                str(n),
                created=n * 310,
                platform=("forum", "desk", "shop")[n % 3],
                label=Label.POSITIVE if n % 4 else Label.NEGATIVE,
                uncertain=n % 5 == 0,
            )
            for n in range(90)
        )
    )
    for n in range(0, 90, 6):
        await decide(feed.store, LI, n, list(ShownLabel)[n // 6 % 4])
    return feed


async def decide(store: Store, actor: Actor, n: int, label: ShownLabel) -> None:
    platform = ("forum", "desk", "shop")[n % 3]
    await add_review(store, actor, Opinion(platform, str(n), microseconds(minutes(n * 310)), label))


async def everything(store: Store) -> list[LabelledComment]:
    return list((await store.read(list_comments, CommentFilter(), None, 1000)).items)


@pytest.mark.parametrize("offset", [timedelta(0), SHANGHAI, timedelta(hours=-3, minutes=-30)])
@pytest.mark.parametrize("bucket", list(Bucket))
async def test_over_time(feed: Feed, bucket: Bucket, offset: timedelta) -> None:
    def start(comment: LabelledComment) -> datetime:
        # Hourly sums belong to the bucket in which the hour begins.
        local = comment.created_at.replace(minute=0) + offset
        if bucket is Bucket.HOUR:
            return local.replace(minute=0) - offset
        day = local.replace(hour=0, minute=0)
        return (day if bucket is Bucket.DAY else day - timedelta(days=day.weekday())) - offset

    expected = Counter((start(comment), comment.label) for comment in await everything(feed.store))
    found = await feed.store.read(mix_over_time, ALL, bucket, offset)
    assert [one.start for one in found] == sorted({start for start, _ in expected})
    for one in found:
        for label in ShownLabel:
            assert getattr(one.mix, label) == expected[one.start, label]


async def test_by_platform_and_all_together(feed: Feed) -> None:
    comments = await everything(feed.store)
    found = {one.platform: one.mix for one in await feed.store.read(mix_by_platform, ALL)}
    assert set(found) == {"forum", "desk", "shop"}
    for platform, mix in found.items():
        own = [comment for comment in comments if comment.platform == platform]
        assert [getattr(mix, label) for label in ShownLabel] == [
            sum(comment.label is label for comment in own) for label in ShownLabel
        ]
        assert (mix.comments, mix.uncertain) == (30, sum(bool(comment.uncertain) for comment in own))
        undecided = Counter(comment.label for comment in own if comment.uncertain and comment.label_source != "review")
        assert (mix.uncertain_positive, mix.uncertain_negative) == (
            undecided[ShownLabel.POSITIVE],
            undecided[ShownLabel.NEGATIVE],
        )
    assert (found["forum"].reviewed, found["desk"].reviewed) == (15, 0)
    assert (await feed.store.read(mix_of_all, ALL)).comments == 90
    assert await feed.store.read(mix_of_all, CountFilter(platform="desk")) == found["desk"]
    assert await feed.store.read(mix_of_all, CountFilter(model="c" * 64)) == Mix()


async def test_by_hour_of_week(feed: Feed) -> None:
    local = [comment.created_at + SHANGHAI for comment in await everything(feed.store)]
    found = await feed.store.read(mix_by_hour_of_week, ALL, SHANGHAI)
    expected = Counter((time.weekday(), time.hour) for time in local)
    assert {(one.weekday, one.hour): one.mix.comments for one in found} == expected


async def test_a_range_counts_whole_hours(feed: Feed) -> None:
    comments = await everything(feed.store)
    first, last = datetime(2026, 2, 3, 10, tzinfo=UTC), datetime(2026, 2, 9, 22, tzinfo=UTC)
    within = [one for one in comments if first <= one.created_at.replace(minute=0) < last]
    filters = CountFilter(first, last)
    assert 0 < (await feed.store.read(mix_of_all, filters)).comments == len(within) < 90
    assert sum(one.mix.comments for one in await feed.store.read(mix_by_hour_of_week, filters, SHANGHAI)) == len(within)


async def test_counts_are_per_model(feed: Feed) -> None:
    second = await feed_of(feed.store, "b" * 64)
    await second.send(*(arrival(str(n), created=n * 310, label=Label.NEGATIVE) for n in range(0, 90, 3)))
    mix = await feed.store.read(mix_of_all, CountFilter(model="b" * 64))
    assert (mix.comments, mix.reviewed) == (30, 15)
    assert (await feed.store.read(mix_of_all, ALL)).comments == 90


async def test_corrections_by_reviewer_and_by_model(feed: Feed) -> None:
    await decide(feed.store, WANG, 1, ShownLabel.POSITIVE)
    await decide(feed.store, WANG, 6, ShownLabel.SPAM)
    await undo_review(feed.store, WANG, "forum", "6")
    li, wang = await feed.store.read(corrections_by_reviewer, ALL)
    assert (li.reviewer_number, li.done.reviews, wang.done.reviews) == (7, 15, 1)
    assert (wang.done.corrections, wang.done.labels[ShownLabel.POSITIVE]) == (0, 1)
    models = {n: "positive" if n % 4 else "negative" for n in range(0, 90, 6)}
    wrong = sum(models[n] != list(ShownLabel)[n // 6 % 4] for n in models)
    assert li.done.corrections == wrong
    [by_model] = await feed.store.read(corrections_by_model, ALL)
    assert (by_model.model, by_model.done.reviews, by_model.done.corrections) == ("a" * 64, 16, wrong)
    assert await feed.store.read(corrections_by_reviewer, CountFilter(platform="desk")) == [wang]
    assert await feed.store.read(corrections_by_reviewer, CountFilter(created_from=datetime.now(UTC) + SHANGHAI)) == []
    assert await feed.store.read(corrections_by_reviewer, CountFilter(model="c" * 64)) == []


async def test_an_empty_store_has_no_counts(store: Store) -> None:
    assert await store.read(mix_over_time, ALL, Bucket.DAY, SHANGHAI) == []
    assert await store.read(mix_of_all, ALL) == Mix()
    assert await store.read(corrections_by_reviewer, ALL) == []
    assert await store.read(audit_accuracy, ALL) == []
