"""Comparisons are leased like other jobs, and their steps count every comment once."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit import Actor, AuditFilter, list_records
from store.batch import Label, Prediction
from store.comments import ShownLabel
from store.comparison_scan import PairCount, Step, read_step
from store.comparisons import (
    UNFINISHED_LIMIT,
    ComparisonOrder,
    ComparisonRefusedError,
    ComparisonState,
    Example,
    claim_comparison,
    fail_comparison,
    finish_comparison,
    list_comparisons,
    order_comparison,
    read_comparison,
    read_examples,
    save_progress,
    unfinished_comparison,
)
from store.group_decisions import decide_group, take_steps
from store.held_back import held_back_texts
from store.model_tables import comparisons
from store.models import register_model
from store.relabel import TextPrediction, add_predictions
from store.reviews import Opinion, add_review
from store.store import Store
from store.tables import comments
from tests.store.feed import Feed, arrival, feed_of, microseconds, minutes, send_sampled, tombstone

WANG, LI = Actor(7, "wang", "session", None), Actor(8, "li", "session", None)
MONTH = 60 * 24 * 31
POSITIVE, NEGATIVE = Label.POSITIVE, Label.NEGATIVE


async def two_models(store: Store) -> tuple[Feed, ComparisonOrder]:
    """Return a feed of the first of two models, and the order to compare both."""
    feed = await feed_of(store)
    new = await register_model(store, "b" * 64, "new", 0.3, 0.7)
    return feed, ComparisonOrder(feed.model.number, new.number)


async def relabel(store: Store, order: ComparisonOrder, probabilities: dict[str, float]) -> None:
    """Let the new model label comments of the forum, given by id."""
    items = []
    query = select(comments.c.platform, comments.c.id, comments.c.text).where(comments.c.id.in_(probabilities))
    async with store.reading() as connection:
        for platform, id, text in await connection.execute(query):
            p = probabilities[id]
            label = POSITIVE if p >= 0.5 else NEGATIVE
            items.append(TextPrediction(platform, id, text, Prediction(label, p, 0.3 <= p <= 0.7)))
    await store.write(add_predictions, order.new_model_number, items)


async def scan(store: Store, order: ComparisonOrder, size: int = 5_000) -> list[Step]:
    """Return all steps over all comments."""
    last = max(await store.read(_numbers), default=0)
    steps: list[Step] = []
    done = 0
    while done < last:
        steps.append(await store.read(read_step, order, done, last, size))
        done = steps[-1].done_up_to
    return steps


async def _numbers(connection: AsyncConnection) -> Sequence[int]:
    return (await connection.execute(select(comments.c.number))).scalars().all()


def counted(steps: list[Step]) -> dict[tuple[object, ...], int]:
    """Return the counts of pairs, added up over the steps."""
    total: Counter[tuple[object, ...]] = Counter()
    for step in steps:
        for one in step.pairs:
            of: PairCount = one
            total[of.platform, of.year, of.month, of.old_label, of.old_uncertain, of.new_label, of.new_uncertain] += (
                of.n
            )
    return dict(total)


@pytest.mark.parametrize("size", [1, 2, 5_000])
async def test_pairs_are_counted_by_platform_and_month(store: Store, size: int) -> None:
    feed, order = await two_models(store)
    await feed.send(
        arrival("1"),
        arrival("2"),
        arrival("3", created=MONTH, edited=MONTH, label=NEGATIVE, probability=0.4, uncertain=True),
        arrival("4", platform="support"),
        arrival("5"),
    )
    await relabel(store, order, {"1": 0.9, "2": 0.1, "3": 0.6, "4": 0.8})
    steps = await scan(store, order, size)
    assert counted(steps) == {
        ("forum", 2026, 1, POSITIVE, False, POSITIVE, False): 1,
        ("forum", 2026, 1, POSITIVE, False, NEGATIVE, False): 1,
        ("forum", 2026, 1, POSITIVE, False, None, False): 1,
        ("forum", 2026, 3, NEGATIVE, True, POSITIVE, True): 1,
        ("support", 2026, 1, POSITIVE, False, POSITIVE, False): 1,
    }
    flips = [flip for step in steps for flip in step.flips]
    assert sorted((flip.old_probability, flip.new_probability) for flip in flips) == [(0.4, 0.6), (0.9, 0.1)]


async def test_filters_apply_to_every_part_of_a_step(store: Store) -> None:
    feed, order = await two_models(store)
    await feed.send(arrival("1"), arrival("2", created=5, edited=5), arrival("3", platform="support"))
    await relabel(store, order, {"1": 0.1, "2": 0.2, "3": 0.3})
    for id, platform, minute in (("1", "forum", 0), ("2", "forum", 5), ("3", "support", 0)):
        await add_review(store, WANG, Opinion(platform, id, microseconds(minutes(minute)), ShownLabel.POSITIVE))
    for filtered, found in (
        (ComparisonOrder(order.old_model_number, order.new_model_number, platform="support"), [0.3]),
        (ComparisonOrder(order.old_model_number, order.new_model_number, created_from=minutes(5)), [0.2]),
        (ComparisonOrder(order.old_model_number, order.new_model_number, "forum", created_to=minutes(5)), [0.1]),
    ):
        [step] = await scan(store, filtered)
        assert [pair.n for pair in step.pairs] == [1]
        assert [one.new_probability for one in step.judged] == found
        assert [one.new_probability for one in step.flips] == found


async def test_only_own_undisputed_reviews_and_blind_decisions_judge(store: Store) -> None:
    feed, order = await two_models(store)
    await feed.send(*(arrival(id, f"文本{id}") for id in "1234"), *(arrival(id, "默认好评") for id in "567"))
    await relabel(store, order, {id: int(id) / 10 for id in "1234567"})
    version = microseconds(minutes(0))
    await add_review(store, WANG, Opinion("forum", "1", version, ShownLabel.NEGATIVE))
    await add_review(store, WANG, Opinion("forum", "2", version, ShownLabel.SPAM))
    for who, label in ((WANG, ShownLabel.NEGATIVE), (LI, ShownLabel.POSITIVE)):
        await add_review(store, who, Opinion("forum", "3", version, label))
    await decide_group(store, WANG, Opinion("forum", "5", version, ShownLabel.POSITIVE))
    while (await take_steps(store)).taken:
        pass
    [step] = await scan(store, order)
    usable = {one.new_probability: one.reviewed for one in step.judged if one.reviewed is not None}
    assert usable == {0.1: ShownLabel.NEGATIVE, 0.5: ShownLabel.POSITIVE}


async def test_half_of_the_audit_sample_is_held_back(store: Store) -> None:
    feed, order = await two_models(store)
    await send_sampled(feed, *(arrival(str(n), f"文本{n}") for n in range(200)))
    await relabel(store, order, {str(n): 0.9 for n in range(200)})
    async with store.writing() as session:
        decided = update(comments).where(comments.c.number % 3 == 0).values(blind_label="negative")
        await session.connection.execute(decided)
    texts = [text async for text in held_back_texts(store)]
    assert len(texts) == len(set(texts))
    assert 60 < len(texts) < 140
    [step] = await scan(store, order)
    assert step.judged
    assert {(one.blind, one.reviewed) for one in step.judged} == {(ShownLabel.NEGATIVE, None)}
    held = sum(one.held_back for one in step.judged)
    assert 0 < held < len(step.judged)


async def test_comments_outside_the_sample_are_not_held_back(store: Store) -> None:
    feed, _ = await two_models(store)
    await feed.send(arrival("1"))
    assert [text async for text in held_back_texts(store)] == []


async def test_the_texts_held_back_are_read_in_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.held_back.TEXTS_AT_ONCE", 3)
    feed, _ = await two_models(store)
    await send_sampled(feed, *(arrival(str(n), f"文本{n}") for n in range(40)))
    texts = [text async for text in held_back_texts(store)]
    async with store.reading() as connection:
        query = select(comments.c.text).where(comments.c.audit_rank % 2 == 0)
        assert sorted(texts) == sorted((await connection.execute(query)).scalars())
    assert len(texts) > 3


async def test_candidates_are_bounded_and_repeatable(store: Store) -> None:
    feed, order = await two_models(store)
    await feed.send(*(arrival(str(n)) for n in range(30)))
    await relabel(store, order, {str(n): 0.1 for n in range(30)})
    [step] = await scan(store, order)
    assert len(step.flips) == 10
    [again] = await scan(store, order)
    assert again.flips == step.flips
    ranks = [flip.rank for flip in step.flips]
    assert ranks == sorted(ranks)
    numbers = [flip.comment_number for flip in step.flips]
    assert numbers != sorted(numbers)


async def test_comments_that_wait_for_the_audit_are_no_examples(store: Store) -> None:
    feed, order = await two_models(store)
    await send_sampled(feed, arrival("1"), arrival("2"))
    await feed.send(arrival("3"))
    await relabel(store, order, {"1": 0.1, "2": 0.2, "3": 0.3})
    async with store.writing() as session:
        decided = update(comments).where(comments.c.id == "2").values(blind_label="negative")
        await session.connection.execute(decided)
    [step] = await scan(store, order)
    assert sorted(flip.new_probability for flip in step.flips) == [0.2, 0.3]


async def test_a_comparison_is_ordered_worked_on_and_shown(store: Store) -> None:
    feed, order = await two_models(store)
    await feed.send(arrival("1"), arrival("2"), arrival("3"))
    assert not await store.read(unfinished_comparison)
    number = await store.write(order_comparison, WANG, order, None)
    assert await store.write(order_comparison, LI, order, None) == number
    assert await store.read(unfinished_comparison)
    claimed = await store.write(claim_comparison, 1)
    assert claimed is not None
    assert (claimed.number, claimed.order, claimed.done_up_to, claimed.tally) == (number, order, 0, None)
    assert await store.write(claim_comparison, 2) is None
    assert await store.write(save_progress, number, 1, claimed.last_comment // 2, "[1]")
    assert not await store.write(save_progress, number, 2, claimed.last_comment, "[2]")
    again = await store.write(claim_comparison, 1)
    assert again is not None
    assert (again.done_up_to, again.tally) == (claimed.last_comment // 2, "[1]")

    numbers = await store.read(_numbers)
    version = microseconds(minutes(0))
    examples = [Example(n, version, 0.9, 0.1, "[[0,1,0.5]]", None) for n in numbers]
    await feed.send(tombstone("1", at=1))
    assert not await store.write(finish_comparison, number, 2, "{}", examples)
    assert await store.write(finish_comparison, number, 1, '{"n": 1}', examples)
    await feed.send(arrival("2", "改了", edited=5))
    [shown] = await store.read(list_comparisons, 10)
    assert (shown.number, shown.state, shown.progress) == (number, ComparisonState.DONE, 1.0)
    assert (shown.old_name, shown.new_name, shown.ordered_by) == ("model a", "new", "wang")
    assert await store.read(read_comparison, number) == (shown, '{"n": 1}')
    texts = [(one.id, one.text) for one in await store.read(read_examples, number)]
    assert texts == [("2", None), ("3", "味道不错")]
    await feed.send(tombstone("3", at=1))
    assert [one.id for one in await store.read(read_examples, number)] == ["2"]

    page = await store.read(list_records, AuditFilter(action="model.compare"), None, 10)
    assert [(one.user_name, one.object_id) for one in page.items] == [("wang", str(order.new_model_number))]


async def test_another_process_continues_after_the_lease(store: Store) -> None:
    _, order = await two_models(store)
    number = await store.write(order_comparison, WANG, order, 1)
    assert await store.write(claim_comparison, 2) is None
    async with store.writing() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.connection.execute(update(comparisons).values(claimed_until=past))
    claimed = await store.write(claim_comparison, 2)
    assert claimed is not None
    assert not await store.write(save_progress, number, 1, 5, "[]")
    assert not await store.write(fail_comparison, number, 1, "no")
    assert await store.write(fail_comparison, number, 2, "The artifact is damaged.")
    [shown] = await store.read(list_comparisons, 10)
    assert (shown.state, shown.failure) == (ComparisonState.FAILED, "The artifact is damaged.")
    assert await store.write(claim_comparison, 3) is None


async def test_impossible_orders_are_refused(store: Store) -> None:
    _, order = await two_models(store)
    old, new = order.old_model_number, order.new_model_number
    for wrong, reason in (
        (ComparisonOrder(old, old), "two different models"),
        (ComparisonOrder(old, 99_999), "no model 99999"),
        (ComparisonOrder(old, new, created_from=minutes(1), created_to=minutes(1)), "range is empty"),
    ):
        with pytest.raises(ComparisonRefusedError, match=reason):
            await store.write(order_comparison, WANG, wrong, None)
    for n in range(UNFINISHED_LIMIT):
        await store.write(order_comparison, WANG, ComparisonOrder(old, new, f"p{n}"), None)
    with pytest.raises(ComparisonRefusedError, match="waiting or running"):
        await store.write(order_comparison, WANG, order, None)
