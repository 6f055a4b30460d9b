"""Test the export for training: each label comes with the text that the reviewer saw."""

import pytest

from store import export
from store.audit import Actor
from store.comments import ShownLabel
from store.export import ExportFilter, ReviewedText, export_reviews
from store.reviews import Opinion, add_review, undo_review
from store.store import Store
from tests.store.feed import Feed, arrival, microseconds, minutes

LI, WANG = Actor(7, "小李", "session", None), Actor(8, "小王", "session", None)
ALL = ExportFilter()


async def decide(store: Store, id: str, label: ShownLabel, actor: Actor = LI, edited: float = 0) -> None:
    await add_review(store, actor, Opinion("forum", id, microseconds(minutes(edited)), label))


async def exported(store: Store, wanted: ExportFilter = ALL) -> list[ReviewedText]:
    return [one async for one in export_reviews(store, wanted)]


async def test_each_label_is_exported_with_the_text_that_the_reviewer_saw(feed: Feed) -> None:
    await feed.send(arrival("1", "一", probability=0.75), arrival("2", "二"), arrival("3", "三"))
    await decide(feed.store, "1", ShownLabel.NEGATIVE)
    await feed.send(arrival("1", "一改", edited=5, probability=0.6))
    await decide(feed.store, "1", ShownLabel.SPAM, edited=5)
    await decide(feed.store, "1", ShownLabel.UNCLEAR, WANG, edited=5)
    await decide(feed.store, "2", ShownLabel.NEGATIVE)
    await undo_review(feed.store, LI, "forum", "2")
    await decide(feed.store, "3", ShownLabel.POSITIVE)
    await decide(feed.store, "3", ShownLabel.NEGATIVE, WANG)
    await undo_review(feed.store, WANG, "forum", "3")
    found = await exported(feed.store, ExportFilter(disputed=True))
    assert [one.disputed for one in found] == [False, True, False]
    assert [(one.id, one.text, one.label, one.reviewer, one.model_label, one.probability) for one in found] == [
        ("1", "一", "negative", "小李", "positive", 0.75),
        ("1", "一改", "unclear", "小王", "positive", 0.6),
        ("3", "三", "positive", "小李", "positive", 0.9),
    ]
    assert [one.version for one in found] == [microseconds(minutes(at)) for at in (0, 5, 0)]


async def test_the_export_applies_filters_and_reads_in_steps(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "COMMENTS_AT_ONCE", 3)
    await feed.send(*(arrival(str(n)) for n in range(9)), arrival("x", platform="desk"))
    for n in range(9):
        await decide(feed.store, str(n), ShownLabel.SPAM if n % 3 else ShownLabel.POSITIVE)
    assert [one.id for one in await exported(feed.store)] == [str(n) for n in range(9)]
    positive = ExportFilter(labels=frozenset({ShownLabel.POSITIVE}))
    assert [one.id for one in await exported(feed.store, positive)] == ["0", "3", "6"]
    assert await exported(feed.store, ExportFilter(platform="desk")) == []
    last = (await exported(feed.store))[-1].reviewed_at
    assert await exported(feed.store, ExportFilter(reviewed_to=last)) == (await exported(feed.store))[:8]
    assert [one.id for one in await exported(feed.store, ExportFilter(reviewed_from=last))] == ["8"]
    sampled = [one.id for one in await exported(feed.store, ExportFilter(audit=True))]
    others = [one.id for one in await exported(feed.store, ExportFilter(audit=False))]
    assert sorted(sampled + others) == [str(n) for n in range(9)]
