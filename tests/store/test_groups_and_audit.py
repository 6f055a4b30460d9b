"""Decisions for a text combined with the random audit, disputes, agreement and decisions that were too fast."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest
from sqlalchemy import func, select

from store import group_decisions as deciding
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
from tests.store.feed import Feed, arrival, earlier, microseconds, minutes, send_sampled
from tests.store.tables_read import read_contents
from tests.store.test_group_decisions import are_right, decided, finish

LI, WANG, CHEN, ZHAO = (Actor(number, f"审{number}", "session", None) for number in (7, 8, 9, 10))
POSITIVE, NEGATIVE, SPAM = ShownLabel.POSITIVE, ShownLabel.NEGATIVE, ShownLabel.SPAM
ALL = CommentFilter()
COPY = "默认好评！"
COPIES = [str(n) for n in range(4)]


async def copies(feed: Feed, *, sampled: tuple[str, ...] = ()) -> Store:
    """Store four copies outside the audit sample, and ``sampled`` within it."""
    await feed.send(*(arrival(id, COPY, probability=0.501) for id in COPIES))
    if sampled:
        await send_sampled(feed, *(arrival(id, COPY) for id in sampled))
    return feed.store


def opinion(id: str, label: ShownLabel, *, blind: bool = False, shown: int | None = None) -> Opinion:
    return Opinion("forum", id, microseconds(minutes(0)), label, blind=blind, shown_milliseconds=shown)


async def decide_all(store: Store, label: ShownLabel = NEGATIVE, id: str = "0") -> GroupReviewed:
    """Decide all copies as Li and take every step."""
    decision = await decide_group(store, LI, opinion(id, label))
    await finish(store)
    return decision


async def blindly(
    store: Store, actor: Actor, id: str, label: ShownLabel, decide: Callable[..., object] = add_review
) -> Reviewed | GroupReviewed:
    """Decide a task of the audit queue blindly."""
    assert actor.user_number is not None
    found = await next_tasks(store, actor.user_number, QueueOrder.AUDIT, ALL, 20, now=earlier())
    assert id in {task.comment.id for task in found.items}
    if decide is decide_group:
        return await decide_group(store, actor, opinion(id, label, blind=True))
    return await add_review(store, actor, opinion(id, label, blind=True))


async def counted(store: Store) -> tuple[int, int, int]:
    """Return the numbers of stored disputes, reviewer pairs and texts with several opinions."""
    async with store.reading() as connection:
        rows = select(func.count()).select_from(disputes)
        sums = [select(func.coalesce(func.sum(of.c.n), 0)) for of in (agreement_pairs, agreement_patterns)]
        found = [int((await connection.execute(query)).scalar_one()) for query in (rows, *sums)]
    return found[0], found[1], found[2]


async def exported(store: Store, *, also_disputed: bool = False) -> list[tuple[str, str, int, bool]]:
    found = [one async for one in export_reviews(store, ExportFilter(disputed=also_disputed))]
    return [(one.id, one.label, one.occurrences, one.disputed) for one in found]


async def test_decision_leaves_out_comments_that_wait_for_the_audit(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1", "s2"))
    await blindly(store, WANG, "s1", POSITIVE)
    await decide_all(store)
    labels = (await read_contents(store)).review_labels
    assert labels == {("forum", "s1"): "positive", **{("forum", id): "negative" for id in COPIES}}
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 1
    assert await are_right(store)


async def test_blindly_decided_comment_can_be_decided_with_its_copies(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1",))
    await blindly(store, WANG, "s1", NEGATIVE)
    decision = await decide_all(store, NEGATIVE, "s1")
    assert (await decided(store, decision.group)).stored == 5
    # The copies do not count the agreement of the two reviewers again.
    assert await counted(store) == (0, 1, 1)
    await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    await finish(store)
    assert (await read_contents(store)).review_labels == {("forum", "s1"): "negative"}
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 0
    assert await counted(store) == (0, 0, 0)


async def test_blind_decision_applies_only_to_its_comment(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1",))
    decision = await blindly(store, LI, "s1", SPAM, decide_group)
    assert isinstance(decision, GroupReviewed)
    assert decision.group is None
    assert await finish(store) == 0
    assert (await read_contents(store)).review_labels == {("forum", "s1"): "spam"}
    undone = await undo_review(store, LI, "forum", "s1", datetime.now(UTC) + CLAIM_TIME)
    assert undone.blind


async def test_copies_of_a_too_fast_decision_are_marked_too(feed: Feed) -> None:
    store = await copies(feed)
    await decide_group(store, LI, opinion("0", SPAM, shown=50))
    await finish(store)
    async with store.reading() as connection:
        query = select(reviews.c.shown_milliseconds, reviews.c.too_fast).order_by(reviews.c.number)
        assert [tuple(row) for row in await connection.execute(query)] == [(50, True), *[(None, True)] * 3]


async def test_review_of_a_copy_replaces_it_without_a_dispute(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    await add_reviews(store, WANG, [opinion(id, POSITIVE) for id in COPIES[1:]])
    assert await counted(store) == (0, 0, 0)
    labels = (await read_contents(store)).review_labels
    assert labels == {("forum", id): "negative" if id == "0" else "positive" for id in COPIES}
    # Two reviewers of the copy itself who disagree cause a dispute.
    await add_review(store, CHEN, opinion("1", SPAM))
    assert await counted(store) == (1, 1, 1)
    assert await are_right(store)


async def test_text_is_disputed_once_and_exported_when_its_label_is_confirmed(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    assert await exported(store) == [("0", "negative", 4, False)]
    await add_review(store, WANG, opinion("0", POSITIVE))
    assert await counted(store) == (1, 1, 1)
    disputed = await next_tasks(store, 9, QueueOrder.DISPUTED, ALL, 9)
    await release(store, 9)
    assert [(task.comment.id, task.occurrences) for task in disputed.items] == [("0", None)]
    # No copy replaces the disputed comment in the training data.
    assert await exported(store) == []
    assert await exported(store, also_disputed=True) == [("0", "positive", 1, True), ("1", "negative", 4, True)]
    await add_review(store, CHEN, opinion("0", NEGATIVE))
    assert await counted(store) == (0, 1, 1)
    assert await exported(store) == [("0", "negative", 1, False), ("1", "negative", 4, False)]


async def test_copies_follow_their_resolved_comment(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "AT_ONCE", 2)
    store = await copies(feed)
    decision = await decide_all(store)
    before = await read_contents(store)
    await add_review(store, WANG, opinion("0", POSITIVE))
    assert await finish(store) == 0
    await add_review(store, WANG, opinion("3", SPAM))
    resolved = await add_review(store, CHEN, opinion("0", POSITIVE))
    # Until the copies follow, they are not exported.
    assert await exported(store) == [("0", "positive", 1, False), ("3", "spam", 1, False)]
    assert await finish(store) == 2
    labels = (await read_contents(store)).review_labels
    assert labels == {("forum", id): "spam" if id == "3" else "positive" for id in COPIES}
    assert await exported(store) == [("0", "positive", 3, False), ("3", "spam", 1, False)]
    found = await decided(store, await group_of(store, resolved.number))
    assert (found.stored, found.skipped, found.occurrences) == (3, 1, 4)
    assert await are_right(store)
    await undo_review(store, WANG, "forum", "3")
    await withdraw_group(store, CHEN, resolved.number, datetime.now(UTC))
    await finish(store)
    # The copies have the earlier label again, and the comment is disputed as before.
    assert (await read_contents(store)).review_labels == {**before.review_labels, ("forum", "0"): "positive"}
    assert await counted(store) == (1, 1, 1)
    assert await are_right(store)
    await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    await finish(store)
    assert (await read_contents(store)).review_labels == {("forum", "0"): "positive"}
    assert await are_right(store)


async def test_copies_follow_a_corrected_decision_but_no_bulk_decision(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    await add_reviews(store, LI, [opinion("0", SPAM)])
    assert await finish(store) == 0
    await add_review(store, LI, opinion("0", POSITIVE))
    await finish(store)
    assert set((await read_contents(store)).review_labels.values()) == {"positive"}
    # One more correction follows the second decision.
    await add_review(store, LI, opinion("0", NEGATIVE))
    await finish(store)
    assert set((await read_contents(store)).review_labels.values()) == {"negative"}
    assert await are_right(store)


async def test_withdrawn_decision_is_not_relabelled(feed: Feed) -> None:
    store = await copies(feed)
    decision = await decide_all(store)
    await add_review(store, WANG, opinion("0", POSITIVE))
    await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    await add_review(store, WANG, opinion("0", SPAM))
    await finish(store)
    assert (await read_contents(store)).review_labels == {("forum", "0"): "spam"}
    assert await are_right(store)


async def test_edit_of_the_first_comment_does_not_affect_the_copies(feed: Feed) -> None:
    store = await copies(feed)
    await decide_all(store)
    await feed.send(arrival("0", "改了", edited=3))
    await add_review(store, CHEN, Opinion("forum", "0", microseconds(minutes(3)), SPAM))
    assert await finish(store) == 0
    assert await exported(store) == [("0", "negative", 4, False), ("0", "spam", 1, False)]


async def group_of(store: Store, review: int) -> int | None:
    async with store.reading() as connection:
        query = select(reviews.c.group_number).where(reviews.c.number == review)
        return cast(int | None, (await connection.execute(query)).scalar_one())


async def test_withdrawing_a_disputed_decision_ends_the_dispute(feed: Feed) -> None:
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


async def test_blind_lease_survives_a_decision_on_the_copies(feed: Feed) -> None:
    store = await copies(feed, sampled=("s1",))
    found = await next_tasks(store, 8, QueueOrder.AUDIT, ALL, 5, now=earlier())
    assert [task.occurrences for task in found.items] == [None]
    await decide_all(store)
    reviewed = await add_review(store, WANG, opinion("s1", POSITIVE, blind=True))
    assert reviewed.label == "positive"
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 0
