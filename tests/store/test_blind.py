"""Test the random audit: blind decisions, the comments that wait for them, and the measured accuracy."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from store.analytics import CountFilter
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel, comment_history, text_digest
from store.corrections import AuditAccuracy, audit_accuracy
from store.errors import NothingToUndoError
from store.goal import AuditGoal, audit_goal
from store.models import set_trained_on
from store.queue import CLAIM_TIME, next_tasks, release, remaining, renew, skip, take
from store.review_tables import blind_decisions
from store.reviews import Opinion, Reviewed, add_review, add_reviews, undo_review
from store.routes import QueueOrder
from store.sample import AuditSample
from store.search import CommentFilter, list_comments
from store.store import Store
from store.tables import comments, review_claims, reviews
from store.tasks import Task
from tests.store.feed import ERASURE_KEY, Feed, arrival, earlier, feed_of, send_sampled, tombstone

ALL, COUNTED = CommentFilter(), CountFilter()
LI, WANG, CHEN = (Actor(number, f"审{number}", "session", None) for number in (7, 8, 9))
POSITIVE, NEGATIVE, SPAM = ShownLabel.POSITIVE, ShownLabel.NEGATIVE, ShownLabel.SPAM


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Store eight comments of the audit sample with different texts, all predicted positive, and one outside it."""
    await send_sampled(feed, *(arrival(str(n), f"第 {n} 条", probability=0.5 + n / 20) for n in range(8)))
    await feed.send(arrival("outside", "不在样本里", probability=0.99))
    return feed


def in_order(count: int = 8) -> list[str]:
    """Return the ids in the sample's random order."""
    sample = AuditSample.of(ERASURE_KEY, 1)
    return sorted(map(str, range(count)), key=lambda id: sample.rank("forum", id) or 0)


async def tasks(
    store: Store, actor: Actor, order: QueueOrder = QueueOrder.AUDIT, limit: int = 20, at: datetime | None = None
) -> list[Task]:
    assert actor.user_number is not None
    return list((await next_tasks(store, actor.user_number, order, ALL, limit, now=at or earlier())).items)


async def offered(store: Store, actor: Actor, order: QueueOrder = QueueOrder.AUDIT) -> set[str]:
    """Return the ids that a queue offers to ``actor``, and release their leases."""
    assert actor.user_number is not None
    found = {task.comment.id for task in await tasks(store, actor, order)}
    await release(store, actor.user_number)
    return found


def opinion(task: Task, label: ShownLabel, *, blind: bool = True, shown: int | None = None) -> Opinion:
    comment = task.comment
    return Opinion(
        comment.platform,
        comment.id,
        comment.version,
        label,
        text_digest=comment.text_digest,
        blind=blind,
        shown_milliseconds=shown,
    )


async def decide(
    store: Store, actor: Actor, id: str, label: ShownLabel = NEGATIVE, shown: int | None = None
) -> Reviewed:
    """Lease a comment's blind task to ``actor`` and decide it."""
    found = {task.comment.id: task for task in await tasks(store, actor)}
    return await add_review(store, actor, opinion(found[id], label, shown=shown))


async def page_review(store: Store, actor: Actor, id: str, label: ShownLabel) -> Reviewed:
    """Review on the comment's own page, where the model's label is visible."""
    history = await store.read(comment_history, "forum", id)
    assert history is not None
    assert history.comment is not None
    return await add_review(store, actor, Opinion("forum", id, history.comment.version, label))


async def accuracy(store: Store) -> tuple[int, int]:
    found: list[AuditAccuracy] = await store.read(audit_accuracy, COUNTED)
    return (found[0].judged, found[0].right) if found else (0, 0)


async def test_the_queue_offers_undecided_comments_in_the_samples_order(feed: Feed) -> None:
    store, names = feed.store, in_order()
    assert [task.comment.id for task in await tasks(store, LI, limit=4)] == names[:4]
    assert [task.comment.id for task in await tasks(store, WANG, limit=4)] == names[4:]
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 8
    await decide(store, LI, names[0])
    assert [task.comment.id for task in await tasks(store, LI, limit=3)] == names[1:4]
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL)).count == 7
    assert (await store.read(remaining, QueueOrder.AUDIT, ALL, 8)).count == 7


async def test_an_audit_task_hides_the_prediction(feed: Feed) -> None:
    await page_review(feed.store, WANG, "3", SPAM)
    found = await tasks(feed.store, LI)
    claimed = await take(feed.store, 8, ("forum", "0"))
    for task in [*found, claimed]:
        comment = task.comment
        assert task.blind
        assert (comment.label, comment.label_source, comment.probability) == (None, None, None)
        assert (comment.uncertain, comment.model, comment.disputed) == (None, None, False)
    [plain] = await tasks(feed.store, LI, QueueOrder.UNCERTAIN)
    assert (plain.blind, plain.comment.label) == (False, "positive")


async def test_filters_on_the_prediction_do_not_apply_to_the_audit(feed: Feed) -> None:
    for wanted in (
        CommentFilter(label=NEGATIVE),
        CommentFilter(uncertain=True),
        CommentFilter(probability_from=0.99),
        CommentFilter(probability_to=0.01),
    ):
        found = await next_tasks(feed.store, 7, QueueOrder.AUDIT, wanted, 20)
        assert len(found.items) == 8
    assert (await next_tasks(feed.store, 7, QueueOrder.AUDIT, CommentFilter(platform="desk"), 20)).items == []


async def test_a_comment_that_waits_for_the_audit_is_in_no_other_queue(feed: Feed) -> None:
    store = feed.store
    await page_review(store, WANG, "0", NEGATIVE)
    await page_review(store, CHEN, "0", SPAM)
    for order in (QueueOrder.UNCERTAIN, QueueOrder.SECOND_OPINION, QueueOrder.DISPUTED):
        expected = {"outside"} if order is QueueOrder.UNCERTAIN else set()
        assert await offered(store, LI, order) == expected
        assert (await store.read(remaining, order, ALL, 7)).count == len(expected)
    # The blind decision resolves the dispute. The other comment has one review and may get a second opinion.
    await decide(store, LI, "0", POSITIVE)
    await decide(store, LI, "1", POSITIVE)
    assert await offered(store, WANG, QueueOrder.SECOND_OPINION) == {"1"}
    assert await offered(store, Actor(10, "审10", "session", None), QueueOrder.SECOND_OPINION) == {"0", "1"}
    assert await offered(store, WANG, QueueOrder.DISPUTED) == set()


async def test_bulk_reviews_leave_out_and_report_comments_that_wait_for_the_audit(feed: Feed) -> None:
    given = [Opinion("forum", id, task.comment.version, SPAM) for task in await tasks(feed.store, LI) for id in ["0"]]
    outside = Opinion("forum", "outside", given[0].version, SPAM)
    outcome = await add_reviews(feed.store, WANG, [given[0], outside])
    assert (outcome.in_audit, [one.id for one in outcome.reviewed]) == ([("forum", "0")], ["outside"])
    await decide(feed.store, LI, "0")
    outcome = await add_reviews(feed.store, WANG, [given[0]])
    assert (outcome.in_audit, [one.id for one in outcome.reviewed]) == ([], ["0"])


async def test_a_blind_decision_is_stored_separately_and_counts_as_a_review(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, "0", NEGATIVE)
    await decide(store, LI, "1", POSITIVE)
    assert await accuracy(store) == (2, 1)
    async with store.reading() as connection:
        row = (await connection.execute(select(blind_decisions).order_by(blind_decisions.c.number))).first()
    assert row is not None
    assert (row.label, row.reviewer, row.reviewer_number, row.text_digest) == (
        "negative",
        "审7",
        7,
        text_digest("第 0 条"),
    )
    assert (row.shown_milliseconds >= 300_000, row.too_fast, row.withdrawn) == (True, False, False)
    # A later review changes the shown label but not the accuracy.
    await page_review(store, WANG, "0", POSITIVE)
    history = await store.read(comment_history, "forum", "0")
    assert history is not None
    assert history.comment is not None
    assert (history.comment.label, history.comment.disputed) == ("positive", True)
    assert await accuracy(store) == (2, 1)


async def test_reviews_outside_the_audit_do_not_count_for_accuracy(feed: Feed) -> None:
    store = feed.store
    await page_review(store, LI, "0", NEGATIVE)
    await page_review(store, LI, "outside", NEGATIVE)
    assert await accuracy(store) == (0, 0)
    # The comment waits for a reviewer who has not seen the prediction.
    assert await offered(store, LI) == {str(n) for n in range(1, 8)}
    assert "0" in await offered(store, WANG)
    await undo_review(store, LI, "forum", "0")
    assert "0" not in await offered(store, LI)
    await decide(store, WANG, "0", POSITIVE)
    assert await accuracy(store) == (1, 1)


async def test_a_decision_is_blind_only_on_a_leased_task(feed: Feed) -> None:
    store = feed.store
    [task] = await tasks(store, LI, limit=1)
    await release(store, 7)
    await add_review(store, LI, opinion(task, NEGATIVE))
    [other] = await tasks(store, WANG, limit=1)
    await add_review(store, WANG, opinion(other, NEGATIVE, blind=False))
    assert await accuracy(store) == (0, 0)


async def test_a_blind_task_stays_leased_while_others_review_the_comment(feed: Feed) -> None:
    store, [name, *_] = feed.store, in_order()
    [task] = await tasks(store, LI, limit=1)
    await page_review(store, WANG, name, POSITIVE)
    assert name not in await offered(store, CHEN)
    await add_review(store, LI, opinion(task, NEGATIVE))
    assert await accuracy(store) == (1, 0)


async def test_an_edited_comment_waits_for_another_decision(feed: Feed) -> None:
    store = feed.store
    for id in ("0", "1"):
        await decide(store, LI, id, POSITIVE)
    await feed.send(arrival("0", "改过的话", edited=5, label=Label.NEGATIVE, probability=0.1))
    await feed.send(arrival("1", "第 1 条", author="另一位"))
    assert await accuracy(store) == (1, 1)
    assert await offered(store, LI) == {"0", *map(str, range(2, 8))}
    await decide(store, LI, "0", POSITIVE)
    assert await accuracy(store) == (2, 1)
    # A text that is replaced and restored within one batch loses its review and its blind decision.
    await feed.send(arrival("1", "又改", edited=6), arrival("1", "第 1 条", edited=7))
    assert await accuracy(store) == (1, 0)
    async with store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(blind_decisions))).scalar_one() == 3


async def test_an_erasure_deletes_blind_decisions(feed: Feed) -> None:
    await decide(feed.store, LI, "0", POSITIVE)
    await feed.send(tombstone("0", at=99))
    assert await accuracy(feed.store) == (0, 0)
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(blind_decisions))).scalar_one() == 0


async def test_a_withdrawn_blind_decision_can_be_repeated(feed: Feed) -> None:
    store = feed.store
    added = await decide(store, LI, "0", NEGATIVE)
    undone = await undo_review(store, LI, "forum", "0", datetime.now(UTC) + CLAIM_TIME, number=added.number)
    assert undone.blind
    assert await accuracy(store) == (0, 0)
    assert "0" not in await offered(store, WANG)
    [task] = [task for task in await tasks(store, LI, at=datetime.now(UTC)) if task.comment.id == "0"]
    await add_review(store, LI, opinion(task, POSITIVE, shown=0))
    assert await accuracy(store) == (0, 0)  # Too fast: the lease has only just begun.
    with pytest.raises(NothingToUndoError):
        await undo_review(store, WANG, "forum", "0")
    await decide(store, WANG, "0", POSITIVE)
    # Withdrawing the decision that did not count keeps the one that does.
    assert (await undo_review(store, LI, "forum", "0")).blind
    assert await accuracy(store) == (1, 1)


async def test_a_comment_decided_too_fast_goes_to_another_reviewer(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, "0", POSITIVE, shown=200)
    assert await accuracy(store) == (0, 0)
    assert "0" not in await offered(store, LI)
    assert "0" in await offered(store, WANG)
    async with store.reading() as connection:
        rows = [(row.shown_milliseconds, row.too_fast) for row in await connection.execute(select(reviews))]
    assert rows == [(200, True)]
    history = await store.read(comment_history, "forum", "0")
    assert history is not None
    assert [review.too_fast for review in history.reviews] == [True]
    await decide(store, WANG, "0", POSITIVE, shown=2_000)
    assert await accuracy(store) == (1, 1)


async def test_the_lease_limits_the_reported_reading_time(feed: Feed) -> None:
    [task] = await tasks(feed.store, LI, limit=1, at=datetime.now(UTC))
    await add_review(feed.store, LI, opinion(task, POSITIVE, shown=60_000))
    async with feed.store.reading() as connection:
        [row] = await connection.execute(select(reviews))
    # The lease was renewed; its start did not change.
    assert row.shown_milliseconds < 30_000
    assert await accuracy(feed.store) == (0, 0) if row.shown_milliseconds < 600 else (1, 1)


async def test_expired_lease_hides_nothing_and_is_not_blind(feed: Feed) -> None:
    store = feed.store
    [task] = await tasks(store, LI, limit=1)
    key = (task.comment.platform, task.comment.id)

    async def label() -> tuple[bool, str | None, int]:
        """Return whether the history page hides the label, the label in lists, and the number of positive comments."""
        history = await store.read(comment_history, *key, 7)
        page = await store.read(list_comments, ALL, None, 20, 7)
        said = await store.read(list_comments, CommentFilter(label=POSITIVE), None, 20, 7)
        assert history is not None
        return history.blind, next(one.label for one in page.items if one.id == key[1]), len(said.items)

    assert await label() == (True, None, 8)
    assert await renew(store, 7, [key]) == [key]
    async with store.writing() as session:
        expired = update(review_claims).values(claimed_until=datetime.now(UTC) - timedelta(seconds=1))
        await session.connection.execute(expired)
    assert await label() == (False, "positive", 9)
    assert await renew(store, 7, [key]) == []
    await add_review(store, LI, opinion(task, NEGATIVE))
    assert await accuracy(store) == (0, 0)
    assert key[1] in await offered(store, WANG)


async def test_skipped_tasks_are_offered_to_others(feed: Feed) -> None:
    store, names = feed.store, in_order()
    await tasks(store, LI, limit=1)
    await skip(store, 7, ("forum", names[0]), now=earlier())
    assert await offered(store, LI) == set(names[1:])
    assert await offered(store, WANG) == set(names)


async def test_accuracy_is_measured_per_model_and_filter(feed: Feed) -> None:
    store = feed.store
    second = await feed_of(store, "b" * 64)
    await second.send(*(arrival(str(n), f"第 {n} 条", label=Label.NEGATIVE, probability=0.1) for n in range(4)))
    for n, label in enumerate((POSITIVE, POSITIVE, NEGATIVE, SPAM, NEGATIVE)):
        await decide(store, LI, str(n), label)
    newer, active = await store.read(audit_accuracy, COUNTED)
    assert (active.judged, active.right, active.active) == (4, 2, True)
    assert (newer.judged, newer.right, newer.active) == (3, 1, False)
    assert active.confused == {(POSITIVE, POSITIVE): 2, (POSITIVE, NEGATIVE): 2, (POSITIVE, SPAM): 1}
    assert await store.read(audit_accuracy, CountFilter(platform="desk")) == []


async def test_all_labels_are_judged_up_to_the_same_rank_of_the_sample(feed: Feed) -> None:
    names = in_order()
    for place, name in enumerate(names):
        await decide(feed.store, LI, name, NEGATIVE if place in (1, 7) else POSITIVE)
    [judged] = await feed.store.read(audit_accuracy, COUNTED, 2)
    # The second positive is third in the sample: later comments are not judged, whatever their label.
    assert judged.confused == {(POSITIVE, POSITIVE): 2, (POSITIVE, NEGATIVE): 1}


async def test_the_goal_returns_how_many_more_decisions_are_needed(feed: Feed) -> None:
    assert await feed.store.read(audit_goal, COUNTED) == AuditGoal(0, 381)
    for n in range(6):
        await decide(feed.store, LI, str(n), POSITIVE)
    goal = await feed.store.read(audit_goal, COUNTED)
    assert goal.judged == 6
    assert 150 < goal.more < 300


async def test_accuracy_of_a_model_trained_on_reviews_counts_only_what_is_held_back(store: Store) -> None:
    plain = await feed_of(store)
    await send_sampled(plain, *(arrival(str(n)) for n in range(40)))
    async with store.writing() as session:
        await session.connection.execute(update(comments).values(blind_label=POSITIVE))
        held = (await session.connection.execute(select(comments.c.id).where(comments.c.audit_rank % 2 == 0))).all()
    assert 10 < len(held) < 30
    [whole] = await store.read(audit_accuracy, COUNTED)
    goal = await store.read(audit_goal, COUNTED)
    assert (whole.judged, whole.held_back_only) == (40, False)
    for trained_on in ("database", "file"):
        await store.write(set_trained_on, plain.model.number, trained_on)
        [half] = await store.read(audit_accuracy, COUNTED)
        assert (half.judged, half.right, half.held_back_only) == (len(held), len(held), True)
        now = await store.read(audit_goal, COUNTED)
        assert now.judged == len(held)
        assert now.more > goal.more
    await store.write(set_trained_on, plain.model.number, "none")
    assert await store.read(audit_accuracy, COUNTED) == [whole]
