"""Pages of comments, filtered and in order, and the history of one comment."""

from collections.abc import Sequence

import pytest_asyncio
from sqlalchemy import update

from store.audit import Actor
from store.batch import Label
from store.comments import Keyset, LabelledComment, LabelSource, ShownLabel, comment_history
from store.model_tables import active_model
from store.reviews import Opinion, add_review
from store.search import CommentFilter, list_comments
from store.store import Store
from tests.store.feed import Feed, arrival, dead_letter, feed_of, microseconds, minutes

NOTHING = CommentFilter()


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Twelve comments, two a minute, on two platforms; every third is negative, every fourth uncertain."""
    await feed.send(
        *(
            arrival(
                str(number),
                f"评论 {number}",
                created=number % 6,
                platform="desk" if number % 2 else "forum",
                label=Label.NEGATIVE if number % 3 == 0 else Label.POSITIVE,
                probability=number / 12,
                uncertain=number % 4 == 0,
            )
            for number in range(12)
        )
    )
    return feed


async def review(store: Store, id: str, label: ShownLabel) -> None:
    platform = "desk" if int(id) % 2 else "forum"
    opinion = Opinion(platform, id, microseconds(minutes(int(id) % 6)), label)
    await add_review(store, Actor(7, "小李", "session", None), opinion)


def ids(items: Sequence[LabelledComment]) -> list[int]:
    return [int(item.id) for item in items]


async def listed(store: Store, **filters: object) -> list[int]:
    return ids((await store.read(list_comments, CommentFilter(**filters), None, 100)).items)  # type: ignore[arg-type]


async def test_pages_follow_each_other_newest_first(feed: Feed) -> None:
    pages, after = [], None
    while True:
        page = await feed.store.read(list_comments, NOTHING, after, 5)
        pages.append(ids(page.items))
        after = page.next
        if after is None:
            break
    assert [len(page) for page in pages] == [5, 5, 2]
    together = [number for page in pages for number in page]
    assert sorted(together) == list(range(12))
    assert [number % 6 for number in together] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0]


async def test_a_page_that_is_exactly_full_is_the_last(feed: Feed) -> None:
    page = await feed.store.read(list_comments, NOTHING, None, 12)
    assert (len(page.items), page.next) == (12, None)
    assert (await feed.store.read(list_comments, NOTHING, Keyset(minutes(-1), 1), 12)).items == []


async def test_filters(feed: Feed) -> None:
    everything = range(12)
    store = feed.store
    assert sorted(await listed(store, platform="desk")) == [n for n in everything if n % 2]
    assert await listed(store, platform="Desk") == []
    assert sorted(await listed(store, label=ShownLabel.NEGATIVE)) == [0, 3, 6, 9]
    assert sorted(await listed(store, uncertain=True)) == [0, 4, 8]
    assert sorted(await listed(store, uncertain=False, label=ShownLabel.NEGATIVE, platform="forum")) == [6]
    assert sorted(await listed(store, created_from=minutes(1), created_to=minutes(3))) == [1, 2, 7, 8]
    assert await listed(store, label=ShownLabel.SPAM) == []


async def test_a_listed_comment_has_every_field(feed: Feed) -> None:
    await feed.send(arrival("whole", "全部", created=30, edited=40, author="甲", thread="t", probability=0.75))
    comment = (await feed.store.read(list_comments, NOTHING, None, 1)).items[0]
    assert comment == LabelledComment(
        platform="forum",
        id="whole",
        text="全部",
        version=microseconds(minutes(40)),
        created_at=minutes(30),
        edited_at=minutes(40),
        author="甲",
        thread="t",
        stored_at=comment.stored_at,
        label=ShownLabel.POSITIVE,
        probability=0.75,
        uncertain=False,
        label_source=LabelSource.ACTIVE_MODEL,
        model="a" * 64,
        disputed=False,
    )


async def test_a_review_takes_precedence_over_models(feed: Feed) -> None:
    await review(feed.store, "1", ShownLabel.SPAM)
    history = await feed.store.read(comment_history, "desk", "1")
    assert history is not None
    assert history.comment is not None
    assert (history.comment.label, history.comment.label_source) == (ShownLabel.SPAM, LabelSource.REVIEW)
    assert history.comment.probability == 1 / 12
    assert await listed(feed.store, label=ShownLabel.SPAM) == [1]
    assert 1 not in await listed(feed.store, label=ShownLabel.POSITIVE)


async def test_without_the_active_models_label_the_newest_other_is_shown(feed: Feed) -> None:
    second = await feed_of(feed.store, "b" * 64)
    third = await feed_of(feed.store, "c" * 64)
    shadowed = [
        arrival("x", created=50, label=Label.NEGATIVE, probability=0.1),
        arrival("x", created=50, label=Label.POSITIVE, probability=0.6, uncertain=True),
    ]
    await second.send(shadowed[0])
    third.offset = second.offset
    await third.send(shadowed[1])
    comment = (await feed.store.read(list_comments, NOTHING, None, 1)).items[0]
    assert (comment.label, comment.label_source, comment.model) == (
        ShownLabel.POSITIVE,
        LabelSource.OTHER_MODEL,
        "c" * 64,
    )
    assert (comment.probability, comment.uncertain) == (0.6, True)
    uncertain = (await feed.store.read(list_comments, CommentFilter(uncertain=True), None, 1)).items
    assert [found.id for found in uncertain] == ["x"]


async def test_the_label_follows_the_active_model(feed: Feed) -> None:
    second = await feed_of(feed.store, "b" * 64)
    await second.send(arrival("0", "评论 0", platform="forum", label=Label.POSITIVE, probability=0.8))
    async with feed.store.writing() as session:
        await session.connection.execute(update(active_model).values(model_number=second.model.number))
    history = await feed.store.read(comment_history, "forum", "0")
    assert history is not None
    assert history.comment is not None
    assert (history.comment.label, history.comment.model) == (ShownLabel.POSITIVE, "b" * 64)
    assert [(found.model, found.label, found.active) for found in history.predictions] == [
        ("b" * 64, ShownLabel.POSITIVE, True),
        ("a" * 64, ShownLabel.NEGATIVE, False),
    ]
    assert 0 in await listed(feed.store, label=ShownLabel.POSITIVE)


async def test_history_has_versions_and_dead_letters(feed: Feed) -> None:
    await feed.send(arrival("2", "二", created=2, edited=60))
    await feed.send(arrival("2", "三", created=2, edited=70), dead_letter(14, b"forum:2"), dead_letter(15, b"forum:22"))
    history = await feed.store.read(comment_history, "forum", "2")
    assert history is not None
    assert history.comment is not None
    assert history.comment.text == "三"
    assert [(old.text, old.edited_at) for old in history.earlier_versions] == [("二", minutes(60)), ("评论 2", None)]
    assert [(letter.topic, letter.offset, letter.reason) for letter in history.dead_letters] == [
        ("comments", 14, "json")
    ]


async def test_a_history_may_have_only_dead_letters(feed: Feed) -> None:
    await feed.send(dead_letter(12, "forum:坏".encode()))
    history = await feed.store.read(comment_history, "forum", "坏")
    assert history is not None
    assert (history.comment, len(history.dead_letters)) == (None, 1)
    assert await feed.store.read(comment_history, "forum", "unknown") is None


async def test_an_empty_database_has_an_empty_page(store: Store) -> None:
    page = await store.read(list_comments, CommentFilter(label=ShownLabel.POSITIVE, uncertain=True), None, 10)
    assert (page.items, page.next) == ([], None)
