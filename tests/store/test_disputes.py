"""Test disputes: they are marked, resolved by a third reviewer, and left out of training until then."""

from datetime import UTC, datetime

import pytest_asyncio

from store.audit import Actor
from store.batch import Label
from store.comments import LabelledComment, ShownLabel, comment_history
from store.disputes import AnonymousOpinion
from store.export import ExportFilter, export_reviews
from store.queue import next_tasks, release, remaining
from store.reviews import Opinion, add_review, add_reviews, undo_review
from store.routes import QueueOrder
from store.search import CommentFilter, list_comments
from store.store import Store
from store.tasks import Task
from tests.store.feed import Feed, arrival, microseconds, minutes, tombstone

ALL = CommentFilter()
LI, WANG, CHEN, ZHAO = (Actor(number, f"审{number}", "session", None) for number in (7, 8, 9, 10))
POSITIVE, NEGATIVE, UNCLEAR, SPAM = ShownLabel
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Store four comments."""
    await feed.send(*(arrival(str(n), f"第 {n} 条", created=n) for n in range(4)))
    return feed


async def decide(
    store: Store, actor: Actor, label: ShownLabel, id: str = "0", edited: float | None = None, reason: str | None = None
) -> None:
    at = float(id) if edited is None else edited
    await add_review(store, actor, Opinion("forum", id, microseconds(minutes(at)), label, reason))


async def tasks(store: Store, actor: Actor, order: QueueOrder = QueueOrder.DISPUTED) -> list[Task]:
    assert actor.user_number is not None
    found = await next_tasks(store, actor.user_number, order, ALL, 9, now=NOW)
    await release(store, actor.user_number)
    return list(found.items)


async def offered(store: Store, actor: Actor, order: QueueOrder = QueueOrder.DISPUTED) -> list[str]:
    return [task.comment.id for task in await tasks(store, actor, order)]


async def comment(store: Store, id: str = "0") -> LabelledComment:
    history = await store.read(comment_history, "forum", id)
    assert history is not None
    assert history.comment is not None
    return history.comment


async def test_a_third_reviewer_resolves_a_dispute(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE, reason="反话")
    assert not (await comment(store)).disputed
    await decide(store, WANG, POSITIVE)
    shown = await comment(store)
    assert (shown.label, shown.disputed) == ("positive", True)
    assert [await offered(store, actor) for actor in (LI, WANG, CHEN)] == [[], [], ["0"]]
    assert (await store.read(remaining, QueueOrder.DISPUTED, ALL, 9)).count == 1
    assert (await store.read(remaining, QueueOrder.DISPUTED, ALL, 7)).count == 0
    [task] = await tasks(store, CHEN)
    assert task.opinions == [AnonymousOpinion(NEGATIVE, "反话"), AnonymousOpinion(POSITIVE, None)]
    await decide(store, CHEN, NEGATIVE)
    shown = await comment(store)
    assert (shown.label, shown.disputed) == ("negative", False)
    assert await offered(store, ZHAO) == []


async def test_a_dispute_is_only_in_the_disputed_queue(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE)
    assert await offered(store, CHEN, QueueOrder.SECOND_OPINION) == ["0"]
    await decide(store, WANG, POSITIVE)
    assert await offered(store, CHEN, QueueOrder.SECOND_OPINION) == []
    assert sorted(await offered(store, CHEN, QueueOrder.UNCERTAIN)) == ["1", "2", "3"]


async def test_the_oldest_dispute_comes_first_and_filters_apply(feed: Feed) -> None:
    store = feed.store
    for id in ("2", "0", "1"):
        await decide(store, LI, NEGATIVE, id)
        await decide(store, WANG, SPAM, id)
    assert await offered(store, CHEN) == ["2", "0", "1"]
    for wanted, count in (
        (CommentFilter(platform="desk"), 0),
        (CommentFilter(label=SPAM), 3),
        (CommentFilter(reviewed=False), 0),
        (CommentFilter(model="b" * 64), 0),
    ):
        assert (await store.read(remaining, QueueOrder.DISPUTED, wanted, 9)).count == count
    first = await next_tasks(store, 9, QueueOrder.DISPUTED, ALL, 2, now=NOW)
    second = await next_tasks(store, 10, QueueOrder.DISPUTED, ALL, 2, now=NOW)
    assert [[task.comment.id for task in found.items] for found in (first, second)] == [["2", "0"], ["1"]]


async def test_changing_ones_own_label_starts_no_dispute(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE)
    await decide(store, LI, POSITIVE)
    assert not (await comment(store)).disputed
    await decide(store, WANG, NEGATIVE)
    assert (await comment(store)).disputed
    # One of the two changes their label to the other's.
    await decide(store, LI, NEGATIVE)
    shown = await comment(store)
    assert (shown.label, shown.disputed) == ("negative", False)


async def test_undo_starts_and_ends_disputes(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE)
    await decide(store, WANG, POSITIVE)
    await decide(store, CHEN, SPAM)
    assert not (await comment(store)).disputed
    await undo_review(store, CHEN, "forum", "0")
    assert (await comment(store)).disputed
    assert await offered(store, CHEN) == ["0"]
    await undo_review(store, LI, "forum", "0")
    shown = await comment(store)
    assert (shown.label, shown.disputed) == ("positive", False)
    assert await offered(store, CHEN) == []


async def test_a_resolved_dispute_can_be_disputed_again(feed: Feed) -> None:
    store = feed.store
    for actor, label in ((LI, NEGATIVE), (WANG, POSITIVE), (CHEN, SPAM), (ZHAO, UNCLEAR)):
        await decide(store, actor, label)
    assert (await comment(store)).disputed
    [task] = await tasks(store, Actor(11, "审11", "session", None))
    assert task.opinions == [AnonymousOpinion(SPAM, None), AnonymousOpinion(UNCLEAR, None)]
    # The dispute is offered to nobody who has reviewed the comment.
    assert [await offered(store, actor) for actor in (LI, WANG, CHEN, ZHAO)] == [[], [], [], []]


async def test_an_edit_and_an_erasure_end_a_dispute(feed: Feed) -> None:
    store = feed.store
    for id in ("0", "1"):
        await decide(store, LI, NEGATIVE, id)
        await decide(store, WANG, POSITIVE, id)
    await feed.send(arrival("0", "改过的话", edited=60, label=Label.NEGATIVE), tombstone("1", 99))
    assert not (await comment(store)).disputed
    assert await offered(store, CHEN) == []
    assert (await store.read(remaining, QueueOrder.DISPUTED, ALL, 9)).count == 0
    # Opinions on the old text do not count towards a dispute of the new one.
    await decide(store, LI, NEGATIVE, edited=60)
    assert not (await comment(store)).disputed
    await decide(store, WANG, SPAM, edited=60)
    assert (await comment(store)).disputed
    assert await offered(store, CHEN) == ["0"]


async def test_lists_mark_disputed_comments(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE, "1")
    await decide(store, WANG, POSITIVE, "1")
    await decide(store, LI, NEGATIVE, "2")
    page = await store.read(list_comments, ALL, None, 9)
    assert {one.id: one.disputed for one in page.items} == {"0": False, "1": True, "2": False, "3": False}


async def test_bulk_reviews_can_start_a_dispute(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE, "1")
    given = [Opinion("forum", str(n), microseconds(minutes(n)), SPAM) for n in range(4)]
    await add_reviews(store, WANG, given)
    assert await offered(store, CHEN) == ["1"]


async def test_disputed_texts_are_exported_only_on_request(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, NEGATIVE)
    await decide(store, WANG, POSITIVE)
    await decide(store, LI, SPAM, "1")
    await feed.send(arrival("0", "改过的话", edited=60))
    await decide(store, LI, NEGATIVE, edited=60)

    async def exported(wanted: ExportFilter) -> list[tuple[str, str, str, bool]]:
        return [(one.id, one.text, one.label, one.disputed) async for one in export_reviews(store, wanted)]

    settled = [("0", "改过的话", "negative", False), ("1", "第 1 条", "spam", False)]
    assert await exported(ExportFilter()) == settled
    assert await exported(ExportFilter(disputed=True)) == [("0", "第 0 条", "positive", True), *settled]
