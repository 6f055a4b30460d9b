"""Predictions are added to stored comments only for their current text, with correct counts."""

from dataclasses import replace
from typing import Any

from store.audit import Actor
from store.batch import Label, Prediction
from store.check import recount, recount_sums
from store.comments import ShownLabel
from store.models import lock_active, read_active, register_model
from store.relabel import RelabelOutcome, TextPrediction, add_predictions
from store.reviews import Opinion, add_review
from store.store import Store
from tests.store.feed import arrival, feed_of, microseconds, minutes, tombstone
from tests.store.tables_read import read_contents

WANG = Actor(7, "wang", "session", None)
NEGATIVE = Prediction(Label.NEGATIVE, 0.1, False)
UNSURE = Prediction(Label.POSITIVE, 0.6, True)


async def test_predictions_are_added_only_for_the_stored_text(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(*(arrival(id) for id in "1234"), arrival("5", "默认好评", label=Label.NEGATIVE))
    await feed.send(arrival("2", "改了", edited=5), tombstone("3", at=1))
    new = await register_model(store, "b" * 64, "new", 0.3, 0.7)
    before = await read_contents(store)
    items = [TextPrediction("forum", id, "味道不错", NEGATIVE) for id in "123"]
    items += [TextPrediction("forum", "4", "味道不错", UNSURE), TextPrediction("forum", "5", "默认好评", NEGATIVE)]
    items += [TextPrediction("forum", "2", "更早", UNSURE)]
    first = await store.write(add_predictions, new.number, items, feed.model.number)
    assert first == RelabelOutcome(added=3, outdated=2, absent=1, flipped=1)
    again = await store.write(add_predictions, new.number, items, feed.model.number)
    assert again == RelabelOutcome(present=3, outdated=2, absent=1)

    after = await read_contents(store)
    added = {key: after.predictions[key] for key in after.predictions.keys() - before.predictions.keys()}
    assert added == {
        (("forum", "1"), new.number): ("negative", 0.1, False),
        (("forum", "4"), new.number): ("positive", 0.6, True),
        (("forum", "5"), new.number): ("negative", 0.1, False),
    }
    unchanged: dict[str, Any] = {"predictions": {}, "counts": {}, "sums": {}, "review_marks": {}}
    assert replace(after, **unchanged) == replace(before, **unchanged)
    async with store.reading() as connection:
        assert (await recount(connection), await recount_sums(connection)) == ([], [])


async def test_reviews_are_counted_and_kept(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(arrival("1"), arrival("2"))
    await add_review(store, WANG, Opinion("forum", "1", microseconds(minutes(0)), ShownLabel.SPAM))
    new = await register_model(store, "b" * 64, "new", 0.3, 0.7)
    items = [TextPrediction("forum", id, "味道不错", NEGATIVE) for id in "12"]
    assert (await store.write(add_predictions, new.number, items)).added == 2
    contents = await read_contents(store)
    assert contents.review_labels == {("forum", "1"): "spam"}
    marks = {key: mark[0] for key, mark in contents.review_marks.items()}
    assert marks[("forum", "1"), new.number]
    assert not marks[("forum", "2"), new.number]
    async with store.reading() as connection:
        assert (await recount(connection), await recount_sums(connection)) == ([], [])


async def test_the_active_model_is_read_under_lock(store: Store) -> None:
    assert await store.write(lock_active) is None
    feed = await feed_of(store)
    assert await store.write(lock_active) == feed.model.number
    assert await store.read(read_active) == feed.model
