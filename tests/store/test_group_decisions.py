"""Comments with the same text form one task; one decision reviews all of them and one withdrawal undoes it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from store import group_decisions as deciding
from store.audit import Actor
from store.check import recount, recount_sums
from store.comments import ShownLabel, comment_history
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError
from store.export import ExportFilter, export_reviews
from store.folding import folded_digest
from store.group_decisions import decide_group, take_steps, withdraw_group
from store.groups import COPIES_WAIT, UNFINISHED, GroupDecision, GroupState, read_group
from store.queue import CLAIM_TIME, next_tasks, release, remaining, skip, take
from store.review_list import count_done
from store.review_tables import group_decisions
from store.reviews import Opinion, add_review, undo_review
from store.routes import QueueOrder
from store.search import CommentFilter
from store.store import Store
from store.tables import comments, predictions, reviews
from store.tasks import Task
from tests.store.feed import Feed, arrival, microseconds, minutes, send_sampled, tombstone
from tests.store.tables_read import read_contents

LI, WANG = Actor(7, "小李", "session", None), Actor(8, "小王", "session", None)
ALL = CommentFilter()
COPY = "默认好评！"
IDS = [str(n) for n in range(200)]


def opinion(id: str = "0", label: ShownLabel = ShownLabel.POSITIVE, at: float = 0) -> Opinion:
    return Opinion("forum", id, microseconds(minutes(at)), label, "默认")


async def give(store: Store, reviewer: int = 7, limit: int = 1, now: datetime | None = None) -> list[Task]:
    return list((await next_tasks(store, reviewer, QueueOrder.UNCERTAIN, ALL, limit, now=now)).items)


def ids(tasks: list[Task]) -> list[str]:
    return [task.comment.id for task in tasks]


async def finish(store: Store) -> int:
    """Take steps until every decision is finished; return the number of rounds that took one.

    A round takes none while the server still rolls back an earlier attempt, whose lock the step skips.
    """
    unfinished = select(func.count()).where(group_decisions.c.state.in_(UNFINISHED))
    rounds = 0
    async with asyncio.timeout(60):
        while True:
            rounds += bool((await take_steps(store)).taken)
            async with store.reading() as connection:
                if not (await connection.execute(unfinished)).scalar_one():
                    return rounds


async def decided(store: Store, number: int | None) -> GroupDecision:
    assert number is not None
    found = await store.read(read_group, number)
    assert found is not None
    return found


async def are_right(store: Store) -> bool:
    return await store.read(recount) == [] and await store.read(recount_sums) == []


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Store ten copies, written slightly differently, that are the most uncertain, and five other texts."""
    texts = [COPY, "默认好评!", " 默认好评！", "默认好评！ "]
    copies = [arrival(id, texts[at % 4], probability=0.501) for at, id in enumerate(IDS[:10])]
    others = [arrival(f"other {n}", f"别的 {n}", probability=0.6 + n / 100) for n in range(5)]
    await feed.send(*copies, *others)
    return feed


async def test_text_is_one_task_for_one_reviewer(feed: Feed) -> None:
    store = feed.store
    [first, second] = await give(store, limit=2)
    assert (first.comment.id, first.occurrences, first.more_occurrences) == (IDS[0], 10, False)
    assert (second.comment.id, second.occurrences) == ("other 0", 1)
    assert ids(await give(store, 8)) == ["other 1"]
    # A reviewer who asks again gets the leased comment; a comment in `without` excludes its whole text.
    assert ids(await give(store)) == [IDS[0]]
    tasks = await next_tasks(store, 7, QueueOrder.UNCERTAIN, ALL, 2, without=[("forum", IDS[3])])
    assert "默认好评" not in "".join(task.comment.text for task in tasks.items)


async def test_lease_on_a_text_ends(feed: Feed) -> None:
    now = datetime.now(UTC)
    assert ids(await give(feed.store, now=now)) == [IDS[0]]
    await feed.send(tombstone(IDS[0], at=1))
    # Erasing the comment deletes its lease; the next lease expires.
    assert ids(await give(feed.store, 8, now=now)) == [IDS[1]]
    assert ids(await give(feed.store, now=now + CLAIM_TIME)) == [IDS[1]]
    await release(feed.store, 7)
    assert ids(await give(feed.store, 8, now=now + CLAIM_TIME)) == [IDS[1]]


async def test_concurrent_reviewers_never_get_the_same_text(feed: Feed) -> None:
    await feed.send(*(arrival(f"pair {n}", f"成对 {n // 2}", probability=0.52) for n in range(20)))
    given = await asyncio.gather(*(give(feed.store, reviewer, 2) for reviewer in range(1, 9)))
    texts = [folded_digest(task.comment.text) for tasks in given for task in tasks]
    assert len(texts) == len(set(texts)) >= 8


async def test_skipped_text_goes_to_others(feed: Feed) -> None:
    await give(feed.store)
    await skip(feed.store, 7, ("forum", IDS[0]))
    assert ids(await give(feed.store)) == ["other 0"]
    assert ids(await give(feed.store, 8)) == [IDS[0]]


async def test_comments_without_a_digest_are_separate_tasks(feed: Feed) -> None:
    async with feed.store.writing() as session:
        for table in (comments, predictions):
            await session.connection.execute(update(table).values(folded_digest=None))
    given = await give(feed.store, limit=3)
    assert [(task.comment.id, task.occurrences) for task in given] == [(id, None) for id in IDS[:3]]
    decision = await decide_group(feed.store, LI, opinion(IDS[0]))
    await finish(feed.store)
    assert (await decided(feed.store, decision.group)).stored == 1


async def test_decision_stores_a_review_of_every_copy(feed: Feed) -> None:
    store = feed.store
    before = await store.read(remaining, QueueOrder.UNCERTAIN, ALL)
    decision = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))
    found = await decided(store, decision.group)
    assert (found.state, found.occurrences, found.stored) == (GroupState.STORING, 10, 1)
    # Copies that have no review yet are neither offered nor counted as waiting.
    assert ids(await give(store, 8)) == ["other 0"]
    assert before.count - (await store.read(remaining, QueueOrder.UNCERTAIN, ALL)).count == 10
    await finish(store)
    found = await decided(store, decision.group)
    assert (found.state, found.occurrences, found.stored, found.skipped) == (GroupState.STORED, 10, 10, 0)
    held = await read_contents(store)
    assert held.review_labels == {("forum", id): "spam" for id in IDS[:10]}
    # One decision counts once as work.
    assert held.work == {(7, feed.model.number, "forum", "positive", "spam"): 1}
    assert await store.read(count_done, 7, datetime.now(UTC) - timedelta(hours=1)) == 1
    assert await are_right(store)
    history = await store.read(comment_history, "forum", IDS[5])
    assert history is not None
    [review] = history.reviews
    assert (review.text, review.group_number, review.from_label) == ("默认好评!", decision.group, "positive")
    assert (review.reviewer, review.reason, review.from_probability) == ("小李", "默认", 0.501)


async def test_edit_changes_the_digest(feed: Feed) -> None:
    await feed.send(arrival(IDS[1], "改了", edited=3), arrival(IDS[2], COPY, author="别人"))
    async with feed.store.reading() as connection:
        query = select(comments.c.text, comments.c.folded_digest, predictions.c.folded_digest)
        query = query.join_from(comments, predictions, predictions.c.comment_number == comments.c.number)
        for text_of, digest, of_prediction in await connection.execute(query):
            assert digest == of_prediction == folded_digest(text_of)


async def test_repeated_decision_is_stored_once(feed: Feed) -> None:
    first, again = [await decide_group(feed.store, LI, opinion(IDS[0])) for _ in range(2)]
    assert (again.group, again.review.number) == (first.group, first.review.number)
    await finish(feed.store)
    assert (await decide_group(feed.store, LI, opinion(IDS[0]))).group == first.group
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(group_decisions))).scalar_one() == 1


async def test_edited_or_unknown_comment_is_not_decided(feed: Feed) -> None:
    with pytest.raises(EditedMeanwhileError):
        await decide_group(feed.store, LI, opinion(IDS[0], at=5))
    with pytest.raises(NoCommentError):
        await decide_group(feed.store, LI, opinion("unknown"))
    assert (await read_contents(feed.store)).review_labels == {}


async def test_copies_edited_erased_or_reviewed_meanwhile_are_skipped(feed: Feed) -> None:
    store = feed.store
    await send_sampled(feed, arrival("sampled", COPY))
    decision = await decide_group(store, LI, opinion(IDS[0]))
    await feed.send(arrival(IDS[1], "改了", edited=3), tombstone(IDS[2], at=3))
    await add_review(store, WANG, opinion(IDS[3], ShownLabel.SPAM))
    await finish(store)
    found = await decided(store, decision.group)
    assert (found.occurrences, found.stored, found.skipped) == (10, 7, 3)
    labels = (await read_contents(store)).review_labels
    assert labels.pop(("forum", IDS[3])) == "spam"
    assert labels == {("forum", id): "positive" for id in (IDS[0], *IDS[4:10])}
    assert await are_right(store)


async def test_decision_ignores_another_text_with_the_same_digest(feed: Feed) -> None:
    """An attacker can construct texts with the same digest; a decision applies only to its own text."""
    async with feed.store.writing() as session:
        forged = update(comments).where(comments.c.id == "other 3")
        await session.connection.execute(forged.values(folded_digest=folded_digest(COPY)))
    decision = await decide_group(feed.store, LI, opinion(IDS[0]))
    await finish(feed.store)
    assert ("forum", "other 3") not in (await read_contents(feed.store)).review_labels
    assert (await decided(feed.store, decision.group)).skipped == 1


async def test_comment_of_the_audit_sample_is_decided_alone(feed: Feed) -> None:
    await send_sampled(feed, arrival("sampled", COPY))
    decision = await decide_group(feed.store, LI, opinion("sampled"))
    assert decision.group is None
    assert await finish(feed.store) == 0
    assert (await take(feed.store, 7, ("forum", "sampled"))).occurrences is None


async def test_withdrawal_withdraws_every_copy(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "AT_ONCE", 4)
    store = feed.store
    before = await read_contents(store)
    decision = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))
    assert await finish(store) == 3
    undone = await withdraw_group(store, LI, decision.review.number, datetime.now(UTC) + CLAIM_TIME)
    assert undone is not None
    assert (undone.id, undone.label, undone.label_source) == (IDS[0], "positive", "active_model")
    found = await decided(store, decision.group)
    assert (found.state, found.withdrawn) == (GroupState.WITHDRAWING, 1)
    # A text is not offered while its copies are being withdrawn.
    assert ids(await give(store, 8)) == ["other 0"]
    assert await finish(store) == 3
    found = await decided(store, decision.group)
    assert (found.state, found.stored, found.withdrawn) == (GroupState.WITHDRAWN, 10, 10)
    assert await read_contents(store) == before
    # The text is leased to its reviewer again.
    assert ids(await give(store, 8, 2)) == ["other 0", "other 1"]
    [task] = await give(store)
    assert (task.comment.id, task.occurrences, task.earlier_decision) == (IDS[0], 10, None)
    with pytest.raises(NothingToUndoError):
        await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))


async def test_withdrawal_keeps_later_reviews_by_others(feed: Feed) -> None:
    store = feed.store
    decision = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))
    await finish(store)
    with pytest.raises(NothingToUndoError):
        await withdraw_group(store, WANG, decision.review.number, datetime.now(UTC))
    await add_review(store, WANG, opinion(IDS[4], ShownLabel.UNCLEAR))
    await feed.send(arrival(IDS[0], "改了", edited=3), tombstone(IDS[2], at=3))
    # The reviewer withdraws a single copy, which did not count as work.
    work = (await read_contents(store)).work
    await undo_review(store, LI, "forum", IDS[1])
    assert (await read_contents(store)).work == work
    assert await withdraw_group(store, LI, decision.review.number, datetime.now(UTC)) is None
    await finish(store)
    assert (await read_contents(store)).review_labels == {("forum", IDS[4]): "unclear"}
    assert (await decided(store, decision.group)).withdrawn == 6
    assert await are_right(store)
    # The decision on the text that the edit replaced is withdrawn too.
    assert [one.label async for one in export_reviews(store, ExportFilter())] == ["unclear"]


async def test_withdrawal_ends_a_decision_that_is_being_stored(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "AT_ONCE", 4)
    store = feed.store
    before = await read_contents(store)
    decision = await decide_group(store, LI, opinion(IDS[0]))
    await take_steps(store)
    await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    await finish(store)
    found = await decided(store, decision.group)
    assert (found.state, found.stored, found.withdrawn) == (GroupState.WITHDRAWN, 5, 5)
    assert await read_contents(store) == before


async def test_later_decision_waits_until_the_first_is_withdrawn(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "AT_ONCE", 2)
    store = feed.store
    first = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))
    await finish(store)
    await withdraw_group(store, LI, first.review.number, datetime.now(UTC) + CLAIM_TIME)
    second = await decide_group(store, LI, opinion(IDS[0], ShownLabel.NEGATIVE))
    # Otherwise a process could finish the second decision before the copies are withdrawn.
    assert await store.read(deciding._unfinished) == [first.group]
    await finish(store)
    assert (await decided(store, first.group)).state is GroupState.WITHDRAWN
    assert (await decided(store, second.group)).stored == 10
    assert set((await read_contents(store)).review_labels.values()) == {"negative"}
    assert await are_right(store)


async def test_withdrawal_offers_its_comments_even_if_the_text_was_decided_again(feed: Feed) -> None:
    store = feed.store
    first = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))
    await finish(store)
    second = await decide_group(store, WANG, opinion(IDS[3], ShownLabel.NEGATIVE))
    await finish(store)
    await withdraw_group(store, LI, first.review.number, datetime.now(UTC))
    await finish(store)
    assert (await read_contents(store)).review_labels == {("forum", IDS[3]): "negative"}
    [task] = await give(store, 9)
    assert task.earlier_decision is not None
    assert (task.comment.id, task.occurrences, task.earlier_decision.label) == (IDS[0], 9, ShownLabel.NEGATIVE)
    # After the second decision is withdrawn too, the comment that it alone reviewed is offered.
    await release(store, 9)
    third = await decide_group(store, LI, opinion(IDS[0]))
    await finish(store)
    assert (await decided(store, third.group)).stored == 9
    # Li's first review of this comment was withdrawn with the first decision and does not become current again.
    await withdraw_group(store, WANG, second.review.number, datetime.now(UTC))
    await finish(store)
    assert ("forum", IDS[3]) not in (await read_contents(store)).review_labels
    assert await are_right(store)
    assert ids(await give(store, 9)) == [IDS[3]]


async def test_later_copies_are_offered_after_a_wait_with_the_earlier_decision(feed: Feed) -> None:
    store = feed.store
    decision = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))
    await feed.send(*(arrival(id, COPY, probability=0.501) for id in IDS[10:13]))
    await finish(store)
    assert (await decided(store, decision.group)).stored == 10
    now = datetime.now(UTC)
    assert ids(await give(store, now=now + COPIES_WAIT - timedelta(hours=1))) == ["other 0"]
    [task] = await give(store, 8, now=now + COPIES_WAIT)
    assert (task.comment.id, task.occurrences) == (IDS[10], 3)
    assert task.earlier_decision is not None
    assert (task.earlier_decision.label, task.earlier_decision.occurrences) == ("spam", 10)
    again = await decide_group(store, WANG, opinion(IDS[10]))
    await finish(store)
    assert (await decided(store, again.group)).stored == 3


async def test_second_opinion_is_requested_once_per_text(feed: Feed) -> None:
    await decide_group(feed.store, LI, opinion(IDS[0]))
    await finish(feed.store)
    tasks = await next_tasks(feed.store, 8, QueueOrder.SECOND_OPINION, ALL, 5)
    assert [(task.comment.id, task.occurrences) for task in tasks.items] == [(IDS[0], None)]


async def test_export_contains_the_text_once(feed: Feed) -> None:
    store = feed.store
    await decide_group(store, LI, opinion(IDS[0]))
    await finish(store)
    await add_review(store, LI, Opinion("forum", "other 1", microseconds(minutes(0)), ShownLabel.SPAM))
    found = [one async for one in export_reviews(store, ExportFilter())]
    assert [(one.id, one.occurrences) for one in found] == [(IDS[0], 10), ("other 1", 1)]
    # Erasing the first comment keeps the reviews of the copies.
    await feed.send(tombstone(IDS[0], at=5))
    found = [one async for one in export_reviews(store, ExportFilter())]
    assert [(one.id, one.occurrences) for one in found] == [(IDS[1], 10), ("other 1", 1)]


async def test_steps_run_concurrently_with_edits_erasures_reviews_and_other_processes(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "AT_ONCE", 7)
    store, more = feed.store, IDS[20:120]
    await feed.send(*(arrival(id, COPY) for id in more))
    decision = await decide_group(store, LI, opinion(IDS[0], ShownLabel.SPAM))

    async def step() -> None:
        while (await decided(store, decision.group)).state is GroupState.STORING:
            await take_steps(store)
            await asyncio.sleep(0.01)

    async def edit() -> None:
        for id in more[:30:3]:
            await feed.send(arrival(id, "改了", edited=3))
            await feed.send(tombstone(more[int(more.index(id)) + 1], at=9))

    async def review() -> None:
        for id in more[2:30:3]:
            await add_review(store, WANG, opinion(id, ShownLabel.UNCLEAR))

    await asyncio.gather(step(), step(), step(), edit(), review())
    found, held = await decided(store, decision.group), await read_contents(store)
    assert found.stored + found.skipped == found.occurrences == 110
    for id in more[:30:3]:
        assert held.comments["forum", id][0] == "改了"
        assert ("forum", id) not in held.review_labels
        assert ("forum", more[more.index(id) + 1]) not in held.comments
        assert held.review_labels["forum", more[more.index(id) + 2]] == "unclear"
    assert all(held.review_labels["forum", id] == "spam" for id in (*IDS[:10], *more[30:]))
    async with store.reading() as connection:
        query = select(reviews.c.comment_number).where(reviews.c.group_number == decision.group)
        copied = (await connection.execute(query)).scalars().all()
    assert len(copied) == len(set(copied))
    assert await are_right(store)
    await withdraw_group(store, LI, decision.review.number, datetime.now(UTC))
    await asyncio.gather(*(finish(store) for _ in range(3)))
    assert set((await read_contents(store)).review_labels.values()) == {"unclear"}
    assert await are_right(store)
