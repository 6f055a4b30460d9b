"""Decisions for a text together with the random audit, disputes, agreement and decisions that were too fast."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from store.audit import Actor
from store.comments import ShownLabel, comment_history
from store.errors import NothingToUndoError
from store.export import ExportFilter, export_reviews
from store.group_decisions import GroupReviewed, decide_group, withdraw_group
from store.queue import CLAIM_TIME, next_tasks, release, remaining
from store.review_tables import agreement_pairs, agreement_patterns, disputes
from store.reviews import Opinion, Reviewed, add_review, add_reviews, undo_review
from store.routes import QueueOrder
from store.search import CommentFilter
from store.store import Store
from store.tables import reviews
from tests.store.feed import Feed, arrival, microseconds, minutes, send_sampled
from tests.store.tables_read import read_contents
from tests.store.test_group_decisions import are_right, decided, finish

LI, WANG, CHEN, ZHAO = (Actor(number, f"审{number}", "session", None) for number in (7, 8, 9, 10))
POSITIVE, NEGATIVE, SPAM = ShownLabel.POSITIVE, ShownLabel.NEGATIVE, ShownLabel.SPAM
ALL = CommentFilter()
COPY = "默认好评！"
COPIES = [str(n) for n in range(4)]
EARLIER = datetime.now(UTC) - timedelta(minutes=5)


async def copies(feed: Feed, *, sampled: tuple[str, ...] = ()) -> Store:
    """Four copies outside of the audit sample, and more within."""
    await feed.send(*(arrival(id, COPY, probability=0.501) for id in COPIES))
    if sampled:
        await send_sampled(feed, *(arrival(id, COPY) for id in sampled))
    return feed.store


def opinion(id: str, label: ShownLabel, *, blind: bool = False, shown: int | None = None) -> Opinion:
    return Opinion("forum", id, microseconds(minutes(0)), label, blind=blind, shown_milliseconds=shown)


async def decide_all(store: Store, label: ShownLabel = NEGATIVE, id: str = "0") -> GroupReviewed:
    """Li's decision for all copies, carried out."""
    decision = await decide_group(store, LI, opinion(id, label))
    await finish(store)
    return decision


async def blindly(
    store: Store, actor: Actor, id: str, label: ShownLabel, decide: Callable[..., object] = add_review
) -> Reviewed | GroupReviewed:
    """A blind decision on a task that the audit gave to the actor."""
    assert actor.user_number is not None
    found = await next_tasks(store, actor.user_number, QueueOrder.AUDIT, ALL, 20, now=EARLIER)
    assert id in {task.comment.id for task in found.items}
    if decide is decide_group:
        return await decide_group(store, actor, opinion(id, label, blind=True))
    return await add_review(store, actor, opinion(id, label, blind=True))


async def counted(store: Store) -> tuple[int, int, int]:
    """How many disputes, pairs of reviewers and texts with several opinions are stored."""
    async with store.reading() as connection:
        rows = select(func.count()).select_from(disputes)
        sums = [select(func.coalesce(func.sum(of.c.n), 0)) for of in (agreement_pairs, agreement_patterns)]
        found = [int((await connection.execute(query)).scalar_one()) for query in (rows, *sums)]
    return found[0], found[1], found[2]


async def exported(store: Store, *, also_disputed: bool = False) -> list[tuple[str, str, int, bool]]:
    found = [one async for one in export_reviews(store, ExportFilter(disputed=also_disputed))]
    return [(one.id, one.label, one.occurrences, one.disputed) for one in found]


async def test_a_decision_leaves_out_what_waits_for_the_audit(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1", "s2"))
    await blindly(store, WANG, "s1", POSITIVE)
    await decide_all(store)
    labels = (await read_contents(store)).review_labels
    assert labels == {("forum", "s1"): "positive", **{("forum", id): "negative" for id in COPIES}}
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 1
    assert await are_right(store)


async def test_a_comment_that_was_decided_blindly_can_be_decided_with_its_copies(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1",))
    await blindly(store, WANG, "s1", NEGATIVE)
    decision = await decide_all(store, NEGATIVE, "s1")
    assert (await decided(store, decision.group)).stored == 5
    # The copies do not repeat that two people agreed.
    assert await counted(store) == (0, 1, 1)
    await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    await finish(store)
    assert (await read_contents(store)).review_labels == {("forum", "s1"): "negative"}
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 0
    assert await counted(store) == (0, 0, 0)


async def test_a_blind_decision_is_for_its_comment_alone(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1",))
    decision = await blindly(store, LI, "s1", SPAM, decide_group)
    assert isinstance(decision, GroupReviewed)
    assert decision.group is None
    assert await finish(store) == 0
    assert (await read_contents(store)).review_labels == {("forum", "s1"): "spam"}
    undone = await undo_review(store, LI, "forum", "s1", datetime.now(UTC) + CLAIM_TIME)
    assert undone.blind


async def test_copies_of_a_decision_that_was_too_fast_are_marked_too(feed: Feed) -> None:
    store = await copies(feed)
    await decide_group(store, LI, opinion("0", SPAM, shown=50))
    await finish(store)
    async with store.reading() as connection:
        query = select(reviews.c.shown_milliseconds, reviews.c.too_fast).order_by(reviews.c.number)
        assert [tuple(row) for row in await connection.execute(query)] == [(50, True), *[(None, True)] * 3]


async def test_a_review_of_a_copy_replaces_it_without_a_dispute(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    await add_reviews(store, WANG, [opinion(id, POSITIVE) for id in COPIES[1:]])
    assert await counted(store) == (0, 0, 0)
    labels = (await read_contents(store)).review_labels
    assert labels == {("forum", id): "negative" if id == "0" else "positive" for id in COPIES}
    # Among those who reviewed the copy itself opinions differ as elsewhere.
    await add_review(store, CHEN, opinion("1", SPAM))
    assert await counted(store) == (1, 1, 1)
    assert await are_right(store)


async def test_a_text_is_disputed_once_and_exported_when_its_label_is_confirmed(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    assert await exported(store) == [("0", "negative", 4, False)]
    await add_review(store, WANG, opinion("0", POSITIVE))
    assert await counted(store) == (1, 1, 1)
    disputed = await next_tasks(store, 9, QueueOrder.DISPUTED, ALL, 9)
    await release(store, 9)
    assert [(task.comment.id, task.occurrences) for task in disputed.items] == [("0", None)]
    # No copy takes the place of the disputed comment in the training.
    assert await exported(store) == []
    assert await exported(store, also_disputed=True) == [("0", "positive", 1, True), ("1", "negative", 4, True)]
    await add_review(store, CHEN, opinion("0", NEGATIVE))
    assert await counted(store) == (0, 1, 1)
    assert await exported(store) == [("0", "negative", 1, False), ("1", "negative", 4, False)]


async def test_copies_that_differ_from_their_resolved_comment_are_not_exported(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    await add_review(store, WANG, opinion("0", POSITIVE))
    await add_review(store, CHEN, opinion("0", POSITIVE))
    assert await exported(store) == [("0", "positive", 1, False)]
    # What an edit does to the first comment says nothing of the text that the copies have.
    await feed.send(arrival("0", "改了", edited=3))
    await add_review(store, CHEN, Opinion("forum", "0", microseconds(minutes(3)), SPAM))
    assert ("1", "negative", 4, False) in await exported(store)


async def test_an_undo_of_a_disputed_decision_ends_the_dispute(feed: Feed) -> None:
    store = await copies(feed)
    decision = await decide_all(store)
    await add_review(store, WANG, opinion("0", POSITIVE))
    undone = await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    assert undone is not None
    assert (undone.taken_back, undone.label) == ("negative", "positive")
    await finish(store)
    assert await counted(store) == (0, 0, 0)
    assert (await read_contents(store)).review_labels == {("forum", "0"): "positive"}
    with pytest.raises(NothingToUndoError):
        await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    history = await store.read(comment_history, "forum", "0")
    assert history is not None
    assert history.comment is not None
    assert not history.comment.disputed
    assert await are_right(store)


async def test_a_comment_that_is_held_blindly_is_still_held_when_its_copies_are_decided(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1",))
    found = await next_tasks(store, 8, QueueOrder.AUDIT, ALL, 5, now=EARLIER)
    assert [task.occurrences for task in found.items] == [None]
    await decide_all(store)
    reviewed = await add_review(store, WANG, opinion("s1", POSITIVE, blind=True))
    assert reviewed.label == "positive"
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 0
