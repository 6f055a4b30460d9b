"""Test adding and withdrawing reviews, second opinions and their effects."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import func, select

from store.admin_tables import audit_log
from store.audit import Actor
from store.batch import BatchOutcome, Label
from store.comments import CommentHistory, LabelSource, ShownLabel, comment_history, text_digest
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError, ReviewError
from store.review_list import ReviewFilter, list_reviews
from store.reviews import AT_ONCE, Opinion, add_review, add_reviews, undo_review
from store.sample import AuditSample
from store.store import Store
from store.tables import comments, review_claims, review_skips, reviews
from tests.store.feed import ERASURE_KEY, Feed, arrival, feed_of, microseconds, minutes, send_sampled, tombstone
from tests.store.tables_read import read_contents

KEY = ("forum", "1")
LI, WANG = Actor(7, "小李", "session", "192.0.2.7"), Actor(8, "小王", "token", None)
HOUR = minutes(0).replace(minute=0)
# The ranks of two comments, stored since the first version: another key or digest would choose another sample.
RANKS = [296793364151377268, 2532201453722697005]


def opinion(label: ShownLabel, id: str = "1", version: int = microseconds(minutes(0))) -> Opinion:
    return Opinion("forum", id, version, label)


async def history(store: Store) -> CommentHistory:
    found = await store.read(comment_history, *KEY)
    assert found is not None
    return found


async def shown(store: Store) -> tuple[ShownLabel | None, LabelSource | None]:
    comment = (await history(store)).comment
    assert comment is not None
    return comment.label, comment.label_source


def _sums(model: int, sums: tuple[int, ...]) -> dict[tuple[int, str, str, datetime], tuple[int, ...]]:
    """Return the expected sums if all comments are created in one hour on one platform and none is uncertain."""
    day = HOUR.replace(hour=0)
    return {
        (model, *key): (*sums, 0, 0) for key in (("", "hour", HOUR), ("forum", "hour", HOUR), ("forum", "day", day))
    }


async def test_a_review_stores_the_reviewer_the_reason_and_the_replaced_label(feed: Feed) -> None:
    await feed.send(arrival(probability=0.75))
    given = replace(opinion(ShownLabel.NEGATIVE), reason="反话")
    added = await add_review(feed.store, LI, given)
    assert (added.from_label, added.from_source, added.second_opinion) == ("positive", "active_model", False)
    stored = (await history(feed.store)).reviews[0]
    assert (stored.reviewer, stored.label, stored.reason, stored.text) == ("小李", "negative", "反话", "味道不错")
    assert (stored.from_label, stored.from_source, stored.from_model) == ("positive", "active_model", "a" * 64)
    assert (stored.from_probability, stored.from_uncertain) == (0.75, False)
    assert (stored.stands, stored.withdrawn) == (True, False)
    assert await shown(feed.store) == (ShownLabel.NEGATIVE, LabelSource.REVIEW)
    held = await read_contents(feed.store)
    assert held.sums == _sums(feed.model.number, (1, 0, 0, 0, 0, 0, 1, 1))
    assert held.work == {(7, feed.model.number, "forum", "positive", "negative"): 1}


@pytest.mark.parametrize(("probability", "uncertain"), [(0.29, False), (0.3, True), (0.7, True), (0.71, False)])
async def test_a_review_stores_whether_the_model_was_uncertain(feed: Feed, probability: float, uncertain: bool) -> None:
    await feed.send(arrival(probability=probability))
    await add_review(feed.store, LI, opinion(ShownLabel.NEGATIVE))
    await add_review(feed.store, WANG, opinion(ShownLabel.POSITIVE))
    reviews = (await history(feed.store)).reviews
    # The second review replaces a person's label, which is never uncertain.
    assert [one.from_uncertain for one in reviews] == [False, uncertain]
    listed = (await feed.store.read(list_reviews, ReviewFilter(), None, 10)).items
    assert [one.from_uncertain for one in listed] == [False, uncertain]


async def test_the_audit_log_omits_the_text_of_a_review(feed: Feed) -> None:
    await feed.send(arrival(text="很长的一句话"))
    await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    async with feed.store.reading() as connection:
        row = (await connection.execute(select(audit_log))).one()
    assert (row.user_number, row.user_name, row.address, row.action, row.object_id) == (
        7,
        "小李",
        "192.0.2.7",
        "review.add",
        row.object_id,
    )
    assert re.fullmatch("[0-9a-f]{64}", row.object_id)
    detail = json.loads(row.detail)
    assert (detail["label"], detail["from_label"]) == ("spam", "positive")
    assert "很长" not in row.detail


async def test_edited_and_missing_comments_are_not_reviewed(feed: Feed) -> None:
    await feed.send(arrival(), arrival(text="改了", edited=1))
    before = await read_contents(feed.store)
    with pytest.raises(EditedMeanwhileError, match="edited meanwhile"):
        await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    with pytest.raises(NoCommentError):
        await add_review(feed.store, LI, opinion(ShownLabel.SPAM, "2"))
    assert await read_contents(feed.store) == before
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(audit_log))).scalar_one() == 0


async def test_the_text_digest_detects_a_change_within_one_version(feed: Feed) -> None:
    seen = replace(opinion(ShownLabel.SPAM), text_digest=text_digest("味道不错"))
    await feed.send(arrival(), arrival(text="同一版本"))
    with pytest.raises(EditedMeanwhileError):
        await add_review(feed.store, LI, seen)
    await feed.send(arrival(edited=3))  # Another version with the text that the reviewer saw.
    assert (await add_review(feed.store, LI, seen)).label == "spam"


async def test_repeating_a_decision_adds_nothing(feed: Feed) -> None:
    await feed.send(arrival())
    first = await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    before = await read_contents(feed.store)
    assert (await add_review(feed.store, LI, opinion(ShownLabel.SPAM))).number == first.number
    assert await read_contents(feed.store) == before
    assert len((await history(feed.store)).reviews) == 1


async def test_undo_of_a_second_opinion_makes_the_first_review_current(feed: Feed) -> None:
    await feed.send(arrival())
    await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    second = await add_review(feed.store, WANG, opinion(ShownLabel.UNCLEAR))
    assert (second.second_opinion, second.from_label, second.from_source) == (True, "spam", "review")
    assert [(one.reviewer, one.stands) for one in (await history(feed.store)).reviews] == [
        ("小王", True),
        ("小李", False),
    ]
    undone = await undo_review(feed.store, WANG, *KEY)
    assert (undone.taken_back, undone.label, undone.label_source) == ("unclear", "spam", "review")
    with pytest.raises(NothingToUndoError):
        await undo_review(feed.store, WANG, *KEY)
    undone = await undo_review(feed.store, LI, *KEY)
    assert (undone.label, undone.label_source) == ("positive", "active_model")
    held = await read_contents(feed.store)
    assert held.sums == _sums(feed.model.number, (1, 0, 0, 1, 0, 0, 0, 0))
    assert (held.work, held.review_labels) == ({}, {})
    assert [(one.withdraws is not None, one.withdrawn) for one in (await history(feed.store)).reviews] == [
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]


async def test_undo_leases_the_comment_to_its_reviewer(feed: Feed) -> None:
    await feed.send(arrival())
    await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    await undo_review(feed.store, LI, *KEY, claim_until=minutes(99))
    async with feed.store.reading() as connection:
        row = (await connection.execute(select(review_claims))).one()
    assert (row.reviewer_number, row.claimed_until) == (7, minutes(99))


async def test_an_edit_keeps_the_review_and_its_text_in_the_history(feed: Feed) -> None:
    await feed.send(arrival())
    await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    await feed.send(arrival(text="改了", edited=1, label=Label.NEGATIVE))
    assert await shown(feed.store) == (ShownLabel.NEGATIVE, LabelSource.ACTIVE_MODEL)
    stored = (await history(feed.store)).reviews[0]
    assert (stored.text, stored.stands) == ("味道不错", False)
    with pytest.raises(NothingToUndoError):
        await undo_review(feed.store, LI, *KEY)
    # Restoring the first text does not restore its review.
    await feed.send(arrival(edited=2))
    assert (await shown(feed.store))[1] is LabelSource.ACTIVE_MODEL
    held = await read_contents(feed.store)
    assert held.sums == _sums(feed.model.number, (1, 0, 0, 1, 0, 0, 0, 0))
    assert held.work == {(7, feed.model.number, "forum", "positive", "spam"): 1}


async def test_an_erasure_deletes_reviews_leases_and_skips(feed: Feed) -> None:
    await feed.send(arrival())
    await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    await undo_review(feed.store, LI, *KEY, claim_until=minutes(99))
    await add_review(feed.store, WANG, opinion(ShownLabel.POSITIVE))
    await feed.send(tombstone(at=5))
    async with feed.store.reading() as connection:
        for table in (reviews, review_claims, review_skips):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0
    assert (await read_contents(feed.store)).sums == {}


async def test_another_models_prediction_for_a_reviewed_text_is_marked_as_reviewed(feed: Feed) -> None:
    await feed.send(arrival())
    await add_review(feed.store, LI, opinion(ShownLabel.SPAM))
    second = await feed_of(feed.store, "b" * 64)
    assert await second.send(arrival(label=Label.NEGATIVE, probability=0.4)) == BatchOutcome(same=1)
    held = await read_contents(feed.store)
    reviewed, distance = held.review_marks[KEY, second.model.number]
    assert (reviewed, round(distance, 9)) == (True, 0.1)
    assert held.sums == {
        **_sums(feed.model.number, (1, 0, 0, 0, 0, 1, 1, 1)),
        **_sums(second.model.number, (0, 1, 0, 0, 0, 1, 1, 1)),
    }


async def test_bulk_reviews_report_the_result_for_each_comment(feed: Feed) -> None:
    await feed.send(*(arrival(str(n)) for n in range(300)), arrival("300", "改", edited=9))
    opinions = [opinion(ShownLabel.NEGATIVE, str(n)) for n in range(302)]
    outcome = await add_reviews(feed.store, LI, opinions)
    assert (len(outcome.reviewed), outcome.edited, outcome.missing) == (300, [("forum", "300")], [("forum", "301")])
    held = await read_contents(feed.store)
    assert held.sums == _sums(feed.model.number, (301, 0, 0, 1, 0, 0, 300, 300))
    async with feed.store.reading() as connection:
        row = (await connection.execute(select(audit_log))).one()
    assert (row.action, json.loads(row.detail)["labels"]) == ("review.add_many", {"negative": 300})
    with pytest.raises(ReviewError, match=str(AT_ONCE)):
        await add_reviews(feed.store, LI, [opinion(ShownLabel.SPAM, str(n)) for n in range(AT_ONCE + 1)])


async def test_concurrent_reviewers_and_a_consumer_keep_counts_correct(feed: Feed) -> None:
    ids = [str(n) for n in range(12)]
    await feed.send(*(arrival(id) for id in ids))

    async def review(actor: Actor, label: ShownLabel) -> None:
        for id in ids:
            await add_review(feed.store, actor, replace(opinion(label, id), text_digest=text_digest("味道不错")))

    async def consume() -> None:
        for edited in range(1, 6):
            await feed.send(*(arrival(id, author=f"{edited}") for id in ids))

    await asyncio.gather(review(LI, ShownLabel.SPAM), review(WANG, ShownLabel.NEGATIVE), consume())
    held = await read_contents(feed.store)
    assert held.sums[feed.model.number, "", "hour", HOUR][6:8] == (12, 12)
    assert sum(held.work.values()) == 24
    assert set(held.review_labels) == {("forum", id) for id in ids}


def test_ranks_in_the_audit_sample_never_change() -> None:
    sample = AuditSample.of(b"a key for tests only", 1)
    assert sample.ranks([("forum", "1"), ("论坛", "é")]) == RANKS
    assert [sample.rank("forum", "1"), sample.rank("论坛", "é")] == RANKS


async def test_the_audit_sample_is_stable_and_has_the_requested_size(feed: Feed) -> None:
    small, large = AuditSample.of(ERASURE_KEY, 0.02), AuditSample.of(ERASURE_KEY, 0.2)
    ranks = {id: large.rank("forum", id) for id in map(str, range(5000))}
    chosen = {id for id, rank in ranks.items() if rank is not None}
    assert 0.17 < len(chosen) / 5000 < 0.23
    first = {id for id in ranks if small.rank("forum", id) is not None}
    assert first < chosen
    assert max(ranks[id] or 0 for id in first) < min(ranks[id] or 0 for id in chosen - first)
    assert {id for id in chosen if AuditSample.of(b"another key of some length", 0.2).rank("forum", id)} != chosen

    ids = [str(n) for n in range(400)]
    await send_sampled(feed, *(arrival(id) for id in ids), share=0.02)
    edits = (arrival(id, "改了", edited=5) for id in ids)
    await send_sampled(feed, *edits, tombstone("1", 9), arrival("1", edited=10), share=0.02)
    async with feed.store.reading() as connection:
        stored = {row.id: row.audit_rank for row in await connection.execute(select(comments))}
    assert stored == {id: small.rank("forum", id) for id in ids}
    assert any(stored.values())
