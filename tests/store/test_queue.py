"""The review queue offers comments in order and never the same comment to two reviewers."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import event, update

from store import index_walk, queue
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.group_decisions import decide_group, take_steps
from store.model_tables import active_model
from store.queue import (
    CLAIM_TIME,
    SKIP_TIME,
    Remaining,
    Tasks,
    next_tasks,
    release,
    remaining,
    renew,
    skip,
)
from store.reviews import Opinion, add_review, undo_review
from store.routes import QueueOrder
from store.search import CommentFilter
from store.store import Store
from store.tables import comments, predictions
from tests.store.feed import Feed, arrival, feed_of, microseconds, minutes

ALL = CommentFilter()
LI, WANG = 7, 8
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
UNCERTAIN = QueueOrder.UNCERTAIN


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Store twenty comments: 10 is the most uncertain, then 9, 11, 8, 12 and so on. Odd ones are from "desk"."""
    await feed.send(
        *(
            arrival(
                str(number),
                f"评论 {number}",
                created=number,
                platform="desk" if number % 2 else "forum",
                label=Label.POSITIVE if number >= 10 else Label.NEGATIVE,
                probability=0.5 + (number - 10) / 20 + 0.001,
                uncertain=8 <= number <= 12,
            )
            for number in range(20)
        )
    )
    return feed


def ids(tasks: Tasks) -> list[str]:
    return [task.comment.id for task in tasks.items]


async def get(
    store: Store, reviewer: int, limit: int, wanted: CommentFilter = ALL, at: datetime = NOW
) -> Sequence[str]:
    return ids(await next_tasks(store, reviewer, UNCERTAIN, wanted, limit, now=at))


def key(id: str) -> tuple[str, str]:
    return ("desk" if int(id) % 2 else "forum", id)


async def decide(store: Store, id: str, label: ShownLabel = ShownLabel.SPAM, *, by: int = LI) -> None:
    await add_review(
        store, Actor(by, f"审{by}", "session", None), Opinion(*key(id), microseconds(minutes(int(id))), label)
    )


async def second(store: Store, reviewer: int, limit: int = 9, wanted: CommentFilter = ALL) -> Sequence[str]:
    """Return the comments that wait for this reviewer's second opinion and release them again."""
    found = ids(await next_tasks(store, reviewer, QueueOrder.SECOND_OPINION, wanted, limit, now=NOW))
    await release(store, reviewer)
    return found


async def test_most_uncertain_come_first_and_leased_comments_are_not_offered(feed: Feed) -> None:
    assert await get(feed.store, LI, 3) == ["10", "9", "11"]
    assert await get(feed.store, WANG, 2) == ["8", "12"]
    # A reviewer who asks again gets the leased comments again, except those in `without`.
    assert await get(feed.store, LI, 4) == ["10", "9", "11", "7"]
    tasks = await next_tasks(feed.store, LI, UNCERTAIN, ALL, 2, without=[key("10"), key("9"), key("11")], now=NOW)
    assert ids(tasks) == ["7", "13"]
    assert {task.claimed_until for task in tasks.items} == {NOW + CLAIM_TIME}


async def test_lease_expires_unless_renewed(feed: Feed) -> None:
    assert await get(feed.store, LI, 1) == ["10"]
    later = NOW + CLAIM_TIME - timedelta(seconds=1)
    assert await get(feed.store, WANG, 1, at=later) == ["9"]
    assert await renew(feed.store, LI, [key("10"), key("9")], now=later) == [key("10")]
    assert await get(feed.store, WANG, 2, at=NOW + CLAIM_TIME) == ["9", "11"]
    assert await get(feed.store, WANG, 1, at=later + CLAIM_TIME) == ["10"]
    assert await renew(feed.store, LI, [key("10")], now=later + CLAIM_TIME) == []


async def test_released_comments_are_offered_to_others(feed: Feed) -> None:
    assert await get(feed.store, LI, 3) == ["10", "9", "11"]
    await release(feed.store, LI, [key("9")])
    assert await get(feed.store, WANG, 1) == ["9"]
    await release(feed.store, LI)
    assert await get(feed.store, WANG, 3) == ["10", "9", "11"]


async def test_skipped_comment_goes_to_others_and_returns_later(feed: Feed) -> None:
    assert await get(feed.store, LI, 1) == ["10"]
    await skip(feed.store, LI, key("10"), now=NOW)
    await skip(feed.store, LI, key("10"), now=NOW)
    assert await get(feed.store, LI, 1) == ["9"]
    assert await get(feed.store, WANG, 1) == ["10"]
    assert await get(feed.store, LI, 1, at=NOW + SKIP_TIME + CLAIM_TIME) == ["10"]


async def test_reviewed_comment_returns_after_withdrawal_or_edit(feed: Feed) -> None:
    await decide(feed.store, "10")
    assert await get(feed.store, WANG, 1) == ["9"]
    await undo_review(feed.store, Actor(LI, "小李", "session", None), *key("10"))
    assert await get(feed.store, LI, 1) == ["10"]
    await decide(feed.store, "10")
    await feed.send(arrival("10", "改了", created=10, edited=90, probability=0.499))
    assert await get(feed.store, LI, 1) == ["10"]


async def test_filters_limit_the_queue(feed: Feed) -> None:
    store = feed.store
    for wanted, expected in (
        (CommentFilter(platform="desk"), ["9", "11", "7", "13"]),
        (CommentFilter(label=ShownLabel.POSITIVE), ["10", "11", "12", "13"]),
        (CommentFilter(label=ShownLabel.SPAM), []),
        (CommentFilter(uncertain=False), ["7", "13", "6", "14"]),
        (CommentFilter(probability_from=0.7), ["14", "15", "16", "17"]),
        (CommentFilter(probability_to=0.1), ["1", "0"]),
        (CommentFilter(created_from=minutes(3), created_to=minutes(5)), ["4", "3"]),
        (CommentFilter(text="论 1"), ["10", "11", "12", "13"]),
        (CommentFilter(text="%"), []),
        (CommentFilter(model="b" * 64), []),
        (CommentFilter(reviewed=True), []),
    ):
        await release(store, LI)
        assert await get(store, LI, 4, wanted) == expected, wanted


async def test_queue_follows_the_active_or_the_filtered_model(feed: Feed) -> None:
    second = await feed_of(feed.store, "b" * 64)
    await second.send(arrival("3", "评论 3", created=3, platform="desk", probability=0.5))
    assert await get(feed.store, LI, 1) == ["10"]
    await release(feed.store, LI)
    assert await get(feed.store, LI, 2, CommentFilter(model="b" * 64)) == ["3"]
    async with feed.store.writing() as session:
        await session.connection.execute(update(active_model).values(model_number=second.model.number))
    assert await get(feed.store, LI, 2) == ["3"]


async def test_task_contains_context_of_the_comment(feed: Feed) -> None:
    others = [arrival(f"t{n}", f"同一个帖子 {n}", created=n, author="小陈", thread="t/1") for n in range(8)]
    await feed.send(*others, arrival("t8", "别处", thread="t/1", platform="desk"))
    await feed.send(arrival("w", "一", author="小陈", thread="t/2", probability=0.5))
    await feed.send(arrival("w", "二", edited=50, author="小陈", thread="t/1", probability=0.5))
    [task] = (await next_tasks(feed.store, LI, UNCERTAIN, ALL, 1, now=NOW)).items
    assert (task.comment.id, task.comment.text) == ("w", "二")
    assert [old.text for old in task.earlier_versions] == ["一"]
    assert [one.id for one in task.thread] == ["t7", "t6", "t5", "t4", "t3"]
    assert [one.id for one in task.author] == ["t7", "t6", "t5", "t4", "t3"]


async def test_remaining_comments_are_counted(feed: Feed) -> None:
    assert await feed.store.read(remaining, UNCERTAIN, ALL) == Remaining(20, False)
    await decide(feed.store, "10")
    assert await feed.store.read(remaining, UNCERTAIN, CommentFilter(platform="forum")) == Remaining(9, False)
    assert await feed.store.read(remaining, UNCERTAIN, CommentFilter(label=ShownLabel.SPAM)) == Remaining(0, False)


async def test_eight_concurrent_reviewers_never_get_the_same_comment(feed: Feed) -> None:
    await feed.send(
        *(arrival(f"more {n}", f"另一条 {n}", created=n / 10, probability=0.5 + n / 1000) for n in range(180))
    )

    async def work(reviewer: int) -> list[str]:
        got: list[str] = []
        while len(got) < 25:
            tasks = await next_tasks(feed.store, reviewer, UNCERTAIN, ALL, 5, now=NOW, without=[])
            fresh = [task.comment for task in tasks.items if task.comment.id not in got]
            # No comments can also mean that other reviewers leased them first in every search.
            if not tasks.items and tasks.searched_all:
                break
            for comment in fresh:
                got.append(comment.id)
                opinion = Opinion(comment.platform, comment.id, comment.version, ShownLabel.NEGATIVE)
                await add_review(feed.store, Actor(reviewer, f"{reviewer}", "session", None), opinion)
        return got

    worked = await asyncio.gather(*(work(reviewer) for reviewer in range(1, 9)))
    together = [id for got in worked for id in got]
    assert len(together) == len(set(together)) == 200


async def test_empty_store_has_an_empty_queue(store: Store) -> None:
    tasks = await next_tasks(store, LI, UNCERTAIN, ALL, 5)
    assert (tasks.items, tasks.searched_all) == ([], True)
    assert await store.read(remaining, UNCERTAIN, ALL) == Remaining(0, False)


async def test_second_opinions_are_on_reviews_by_others_newest_first(feed: Feed) -> None:
    store = feed.store
    for id in ("3", "12", "5"):
        await decide(store, id)
    await decide(store, "7", by=WANG)
    assert await second(store, WANG) == ["5", "12", "3"]
    assert await second(store, WANG, 2) == ["5", "12"]
    assert await second(store, LI) == ["7"]
    assert await second(store, 9) == ["7", "5", "12", "3"]
    assert await store.read(remaining, QueueOrder.SECOND_OPINION, ALL, WANG) == Remaining(3, False)
    assert await second(store, WANG, wanted=CommentFilter(platform="forum")) == ["12"]
    assert await second(store, WANG, wanted=CommentFilter(label=ShownLabel.SPAM)) == ["5", "12", "3"]
    assert await second(store, WANG, wanted=CommentFilter(reviewed=False)) == []
    assert await second(store, WANG, wanted=CommentFilter(model="f" * 64)) == []


async def test_reviewers_get_no_second_opinion_on_a_text_they_decided(feed: Feed) -> None:
    store = feed.store
    await decide(store, "3")
    await decide(store, "3", by=WANG)
    assert (await second(store, WANG), await second(store, LI)) == ([], [])
    await undo_review(store, Actor(WANG, "审8", "session", None), *key("3"))
    assert (await second(store, WANG), await second(store, LI)) == (["3"], [])
    await decide(store, "3", by=WANG)
    # Nobody has reviewed the new text; after that, only Wang has.
    await feed.send(arrival("3", "改过的评论", platform="desk", created=3, edited=600))
    assert (await second(store, WANG), await second(store, LI)) == ([], [])
    edited = Opinion(*key("3"), microseconds(minutes(600)), ShownLabel.UNCLEAR)
    await add_review(store, Actor(WANG, "审8", "session", None), edited)
    assert (await second(store, WANG), await second(store, LI)) == ([], ["3"])


async def test_second_opinions_are_leased_and_skipped(feed: Feed) -> None:
    store = feed.store
    for id in ("3", "12", "5"):
        await decide(store, id)
    order = QueueOrder.SECOND_OPINION
    assert ids(await next_tasks(store, WANG, order, ALL, 2, now=NOW)) == ["5", "12"]
    assert ids(await next_tasks(store, 9, order, ALL, 2, now=NOW)) == ["3"]
    assert ids(await next_tasks(store, WANG, order, ALL, 3, now=NOW, without=[key("5")])) == ["12"]
    await skip(store, WANG, key("5"), now=NOW)
    assert ids(await next_tasks(store, 9, order, ALL, 3, now=NOW, without=[key("3")])) == ["5"]
    assert ids(await next_tasks(store, WANG, order, ALL, 3, now=NOW)) == ["12"]
    assert await get(store, WANG, 1) == ["10"]


async def test_long_search_for_a_second_opinion_continues_in_steps(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    store = feed.store
    monkeypatch.setattr(index_walk, "FIRST_STEP", 2)
    await decide(store, "0", by=WANG)
    for id in range(1, 20):
        await decide(store, str(id))
    monkeypatch.setattr(queue, "SEARCH_SECONDS", 0.0)
    found, place = [], None
    for _ in range(20):
        tasks = await next_tasks(store, LI, QueueOrder.SECOND_OPINION, ALL, 1, after=place, now=NOW)
        found += ids(tasks)
        place = tasks.place
        if tasks.searched_all:
            break
    assert found == ["0"]


async def send_copies(feed: Feed, numbers: range) -> None:
    """Store copies of one text that are the most uncertain; odd ones are from "desk".

    Their probabilities differ as padding makes them differ.
    """
    copies = (
        arrival(f"copy {n}", "默认好评", platform="desk" if n % 2 else "forum", probability=0.5004 + n % 3 * 4e-7)
        for n in numbers
    )
    await feed.send(*copies)


def in_short_steps(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """Let each search read only this many index entries."""
    monkeypatch.setattr(index_walk, "FIRST_STEP", length)
    monkeypatch.setattr(index_walk, "GROWTH", 1)
    monkeypatch.setattr(queue, "SEARCH_SECONDS", 0.0)


@pytest.mark.parametrize("why", ["leased", "skipped", "being decided", "decided"])
async def test_search_skips_copies_that_cannot_be_leased(feed: Feed, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    store = feed.store
    await send_copies(feed, range(20))
    [copy] = (await next_tasks(store, LI, UNCERTAIN, ALL, 1)).items
    assert (copy.comment.id, copy.occurrences) == ("copy 1", 20)
    if why == "skipped":
        await skip(store, WANG, ("desk", "copy 1"))
        await release(store, LI)
    elif "decided" in why:
        decision = Opinion("desk", "copy 1", copy.comment.version, ShownLabel.SPAM)
        await decide_group(store, Actor(LI, "小李", "session", None), decision)
        if why == "decided":
            assert (await take_steps(store)).taken == 1
            await send_copies(feed, range(20, 40))
    in_short_steps(monkeypatch, 2)
    first = await next_tasks(store, WANG, UNCERTAIN, ALL, 1)
    assert (ids(first), first.searched_all) == ([], False)
    assert ids(await next_tasks(store, WANG, UNCERTAIN, ALL, 1, after=first.place)) == ["10"]


async def test_count_skips_copies_that_are_decided(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    store = feed.store
    await send_copies(feed, range(20))
    decision = Opinion("forum", "copy 0", microseconds(minutes(0)), ShownLabel.SPAM)
    await decide_group(store, Actor(LI, "小李", "session", None), decision)
    statements: list[str] = []
    event.listen(store.engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    monkeypatch.setattr(index_walk, "FIRST_STEP", 2)
    monkeypatch.setattr(index_walk, "GROWTH", 1)
    monkeypatch.setattr(queue, "SEARCH_SECONDS", 60)  # The number of steps matters, not their time.
    assert await store.read(remaining, UNCERTAIN, ALL) == Remaining(20, False)
    # Eleven or twelve steps of two statements; the first one ends among the nineteen copies.
    assert len(statements) < 30


async def test_leased_copy_behind_others_is_offered_again(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    store, forum = feed.store, CommentFilter(platform="forum")
    await send_copies(feed, range(20))
    monkeypatch.setattr(index_walk, "FIRST_STEP", 1)
    assert ids(await next_tasks(store, LI, UNCERTAIN, forum, 1)) == ["copy 0"]
    assert ids(await next_tasks(store, LI, UNCERTAIN, forum, 3)) == ["copy 0", "10", "8"]


async def test_comments_without_a_digest_are_offered(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of an earlier version stores no digest."""
    store = feed.store
    async with store.writing() as session:
        for table in (comments, predictions):
            await session.connection.execute(update(table).values(folded_digest=None))
        await session.connection.execute(update(predictions).values(distance=0.25))
    in_short_steps(monkeypatch, 3)
    found: list[str] = []
    place = None
    for _ in range(10):
        tasks = await next_tasks(store, LI, UNCERTAIN, ALL, 3, after=place)
        found += ids(tasks)
        place = tasks.place
        if tasks.searched_all:
            break
    assert sorted(found, key=int) == [str(n) for n in range(20)]
