"""Comments are found by any combination of filters, in pages that respect the time limit and continue each other."""

from datetime import timedelta

import pytest
import pytest_asyncio

from store import index_walk, search
from store.analytics import FIRST_MONDAY
from store.audit import Actor
from store.batch import Label
from store.comments import Keyset, ShownLabel
from store.queue import next_tasks
from store.reviews import Opinion, add_review, add_reviews
from store.routes import QueueOrder
from store.search import (
    Audited,
    CommentFilter,
    Count,
    NewestMatches,
    count_comments,
    list_by_probability,
    list_comments,
    newest_matches,
    read_texts,
)
from store.store import Store
from tests.store.feed import START, Feed, arrival, earlier, feed_of, microseconds, minutes, send_sampled

LI = Actor(7, "小李", "session", None)
# Of sixty comments: in every fifteen, one review with each label.
REVIEWED = {n: list(ShownLabel)[n % 15 // 3] for n in range(60) if n % 15 in (0, 3, 6, 9)}


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Sixty comments, one a minute, from four authors in three threads of two platforms."""
    await feed.send(
        *(
            arrival(
                str(n),
                f"第{n}条 50%_off\\ Good 物流" if n % 7 == 0 else f"第{n}条",
                created=n,
                author=f"u{n % 4}",
                thread=f"t{n % 3}",
                platform="desk" if n % 2 else "forum",
                label=Label.POSITIVE if n >= 30 else Label.NEGATIVE,
                probability=n / 60,
                uncertain=25 <= n < 35,
            )
            for n in range(60)
        )
    )
    opinions = [
        Opinion("desk" if n % 2 else "forum", str(n), microseconds(minutes(n)), label) for n, label in REVIEWED.items()
    ]
    await add_reviews(feed.store, LI, opinions)
    return feed


async def found(store: Store, limit: int = 100, **filters: object) -> list[int]:
    page = await store.read(list_comments, CommentFilter(**filters), None, limit)  # type: ignore[arg-type]
    assert page.searched_to is None
    return [int(item.id) for item in page.items]


def newest_first(numbers: object) -> list[int]:
    return sorted(numbers, reverse=True)  # type: ignore[call-overload, no-any-return]


async def test_each_filter(feed: Feed) -> None:
    of, store = range(60), feed.store
    assert await found(store, author="u1") == newest_first(n for n in of if n % 4 == 1)
    assert await found(store, thread="t2") == newest_first(n for n in of if n % 3 == 2)
    assert await found(store, probability_from=0.5, probability_to=0.6) == newest_first(range(30, 37))
    assert await found(store, reviewed=True) == newest_first(REVIEWED)
    assert await found(store, reviewed=False) == newest_first(set(of) - set(REVIEWED))
    assert await found(store, created_to=minutes(3)) == [2, 1, 0]
    assert await found(store, author="U1") == []
    assert await found(store, thread="t2%") == []


async def test_labels_of_reviews_take_precedence(feed: Feed) -> None:
    for label in ShownLabel:
        own = {n for n, given in REVIEWED.items() if given is label}
        predicted = {n for n in range(60) if n not in REVIEWED and label == ("positive" if n >= 30 else "negative")}
        assert await found(feed.store, label=label) == newest_first(own | predicted)
        assert await found(feed.store, label=label, reviewed=True) == newest_first(own)
        assert await found(feed.store, label=label, reviewed=False) == newest_first(predicted)


async def test_combined_filters(feed: Feed) -> None:
    thread_of_author = await found(feed.store, author="u1", thread="t1", platform="desk", probability_from=0.4)
    assert thread_of_author == newest_first(n for n in range(24, 60) if n % 12 == 1)
    assert await found(feed.store, reviewed=True, platform="desk", uncertain=True) == [33]
    assert await found(feed.store, text="物流", reviewed=True, label=ShownLabel.NEGATIVE) == newest_first(
        n for n, label in REVIEWED.items() if n % 7 == 0 and label == "negative"
    )


async def test_text_has_no_wildcards_and_ignores_latin_case(feed: Feed) -> None:
    sevens = newest_first(range(0, 60, 7))
    for part in ("物流", "50%_off\\", "goOD", "% %", "条 5"):
        assert await found(feed.store, text=part) == (sevens if part != "% %" else []), part
    assert await found(feed.store, text="第1条") == [1]
    assert await found(feed.store, text="' OR 1=1 --") == []
    await feed.send(arrival("99", "É 👍 全角Ａ", created=99))
    assert await found(feed.store, text="É 👍") == [99]
    assert await found(feed.store, text="全角A") == []


async def test_filters_of_one_model(feed: Feed) -> None:
    second = await feed_of(feed.store, "b" * 64)
    await second.send(arrival("1", "第1条", created=1, platform="desk", author="u1", thread="t1", probability=0.99))
    assert await found(feed.store, model="b" * 64) == [1]
    assert await found(feed.store, model="b" * 64, label=ShownLabel.POSITIVE) == [1]
    assert await found(feed.store, model="b" * 64, probability_to=0.5) == []
    assert await found(feed.store, model="c" * 64) == []
    assert 1 not in await found(feed.store, label=ShownLabel.POSITIVE)


async def pages(store: Store, filters: CommentFilter, limit: int) -> tuple[list[int], int]:
    """Return the comments of all pages, and how many pages the time limit cut short."""
    all_ids: list[int] = []
    after: Keyset | None = None
    stopped = 0
    while True:
        page = await store.read(list_comments, filters, after, limit)
        all_ids += [int(item.id) for item in page.items]
        stopped += page.searched_to is not None
        assert (page.searched_to is None) or (page.next is not None and page.next.created_at == page.searched_to)
        if page.next is None:
            return all_ids, stopped
        after = page.next


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_a_search_continues_where_the_time_limit_stopped_it(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(index_walk, "FIRST_STEP", 7)
    monkeypatch.setattr(search, "OTHER_SECONDS", 0.0)
    monkeypatch.setattr(search, "TEXT_SECONDS", 0.0)
    for filters, expected in (
        (CommentFilter(reviewed=True), REVIEWED),
        (CommentFilter(text="物流"), range(0, 60, 7)),
        (CommentFilter(text="没有"), ()),
        (CommentFilter(probability_to=0.05), range(4)),
        (CommentFilter(created_from=minutes(10), created_to=minutes(40), platform="desk"), range(11, 40, 2)),
    ):
        everything, stopped = await pages(feed.store, filters, limit)
        assert everything == newest_first(expected)
        assert stopped > 0 or len(expected) >= 10


async def test_growing_steps_find_the_same(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_walk, "FIRST_STEP", 2)
    assert await found(feed.store, text="物流") == newest_first(range(0, 60, 7))
    assert await found(feed.store, 4, reviewed=True) == newest_first(REVIEWED)[:4]


async def test_newest_matches_and_their_texts(feed: Feed) -> None:
    positive = CommentFilter(label=ShownLabel.POSITIVE)
    found = await feed.store.read(newest_matches, positive, 2, 1.0)
    assert [time for _, _, time in found.rows] == [minutes(59), minutes(58)]
    texts = await feed.store.read(read_texts, [number for number, _, _ in found.rows])
    assert [texts[number] for number, _, _ in found.rows] == [
        (microseconds(minutes(59)), "第59条"),
        (microseconds(minutes(58)), "第58条"),
    ]
    assert found.complete
    assert await feed.store.read(newest_matches, CommentFilter(model="c" * 64), 2, 1.0) == NewestMatches([], True)


async def test_newest_matches_say_when_the_time_limit_stopped_the_search(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_walk, "FIRST_STEP", 7)
    found = await feed.store.read(newest_matches, CommentFilter(label=ShownLabel.NEGATIVE), 9, 1e-9)
    assert not found.complete
    assert len(found.rows) < 9


async def test_corrected_comments_and_the_others(feed: Feed) -> None:
    corrected = {n for n, label in REVIEWED.items() if label != ("positive" if n >= 30 else "negative")}
    assert 0 < len(corrected) < len(REVIEWED)
    assert await found(feed.store, corrected=True) == newest_first(corrected)
    assert await found(feed.store, corrected=False) == newest_first(set(range(60)) - corrected)
    assert await found(feed.store, corrected=True, reviewed=False) == []


async def test_comments_of_the_audit_that_the_model_labels_right_or_wrong(feed: Feed) -> None:
    await send_sampled(feed, *(arrival(f"10{n}", created=100 + n, label=Label.POSITIVE) for n in range(4)))
    tasks = await next_tasks(feed.store, 7, QueueOrder.AUDIT, CommentFilter(), 10, now=earlier())
    ids = sorted(task.comment.id for task in tasks.items)
    for id, label in zip(ids, (ShownLabel.POSITIVE, ShownLabel.NEGATIVE, ShownLabel.SPAM), strict=False):
        opinion = Opinion("forum", id, microseconds(minutes(int(id))), label, blind=True)
        await add_review(feed.store, LI, opinion)
    assert await found(feed.store, audited=Audited.RIGHT) == [100]
    assert await found(feed.store, audited=Audited.WRONG) == [101]
    assert await found(feed.store, audited=Audited.ANY) == [101, 100]


async def test_undecided_comments_and_the_others(feed: Feed) -> None:
    undecided = set(range(25, 35)) - set(REVIEWED)
    assert await found(feed.store, undecided=True) == newest_first(undecided)
    assert await found(feed.store, undecided=False) == newest_first(set(range(60)) - undecided)


async def test_hour_of_the_week(feed: Feed) -> None:
    hour = (START - FIRST_MONDAY) // timedelta(hours=1) % 168
    await feed.send(arrival("70", "一小时后", created=61), arrival("71", "一周后", created=7 * 24 * 60))
    in_hour = {n for n in range(60) if (START + timedelta(minutes=n)).hour == START.hour}
    assert await found(feed.store, utc_hour_of_week=hour) == newest_first({*in_hour, 71})


async def test_oldest_first_pages_reach_all_comments(feed: Feed) -> None:
    listed: list[int] = []
    after: Keyset | None = None
    while True:
        async with feed.store.reading() as connection:
            page = await list_comments(connection, CommentFilter(), after, 7, oldest_first=True)
        listed += [int(item.id) for item in page.items]
        after = page.next
        if after is None:
            break
    assert listed == list(range(60))
    async with feed.store.reading() as connection:
        reviewed = await list_comments(connection, CommentFilter(reviewed=True), None, 99, oldest_first=True)
    assert [int(item.id) for item in reviewed.items] == sorted(REVIEWED)


async def test_matches_are_counted_up_to_a_limit(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    count = await feed.store.read(count_comments, CommentFilter(author="u1"))
    assert (count.comments, count.more) == (15, False)
    monkeypatch.setattr(search, "COUNT_AT_MOST", 15)
    count = await feed.store.read(count_comments, CommentFilter(author="u1"))
    assert (count.comments, count.more) == (15, False)
    count = await feed.store.read(count_comments, CommentFilter())
    assert (count.comments, count.more) == (15, True)
    assert await feed.store.read(count_comments, CommentFilter(model="c" * 64)) == Count(0, more=False)


async def test_comments_are_sorted_by_probability(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def listed(*, highest_first: bool, start: int) -> tuple[list[int], bool]:
        async with feed.store.reading() as connection:
            page = await list_by_probability(
                connection, CommentFilter(), None, highest_first=highest_first, start=start, limit=4
            )
        return [int(item.id) for item in page.items], page.more

    assert await listed(highest_first=True, start=0) == ([59, 58, 57, 56], True)
    assert await listed(highest_first=False, start=56) == ([56, 57, 58, 59], False)
    monkeypatch.setattr(search, "COUNT_AT_MOST", 5)  # The newest five.
    assert await listed(highest_first=False, start=0) == ([55, 56, 57, 58], True)
