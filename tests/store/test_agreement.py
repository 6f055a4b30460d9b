"""Test the agreement counts as reviewers decide, change and withdraw labels."""

import numpy
import pytest
import pytest_asyncio
from sqlalchemy import select

from store.agreement import Agreement, read_agreement
from store.audit import Actor
from store.comments import ShownLabel
from store.kappa import cohens_kappa
from store.review_tables import agreement_pairs, agreement_patterns
from store.reviews import Opinion, add_review, undo_review
from store.store import Store
from tests.store.feed import Feed, arrival, microseconds, minutes

LI, WANG, CHEN = (Actor(number, f"审{number}", "session", None) for number in (7, 8, 9))
POSITIVE, NEGATIVE, UNCLEAR, SPAM = ShownLabel


@pytest_asyncio.fixture
async def feed(feed: Feed) -> Feed:
    """Store thirty comments."""
    await feed.send(*(arrival(str(n), f"第 {n} 条") for n in range(30)))
    return feed


async def decide(store: Store, actor: Actor, n: int, label: ShownLabel) -> None:
    await add_review(store, actor, Opinion("forum", str(n), microseconds(minutes(0)), label))


async def counts(store: Store) -> tuple[dict[tuple[object, ...], int], dict[tuple[object, ...], int]]:
    """Return the stored counts: by pair, and by pattern."""
    async with store.reading() as connection:
        paired = (await connection.execute(select(agreement_pairs))).all()
        patterns = (await connection.execute(select(agreement_patterns))).all()
    return {tuple(row[:-1]): row.n for row in paired}, {tuple(row[:-1]): row.n for row in patterns}


async def test_each_text_with_two_opinions_is_counted(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, 0, POSITIVE)
    assert await counts(store) == ({}, {})
    await decide(store, WANG, 0, POSITIVE)
    await decide(store, WANG, 1, SPAM)
    await decide(store, LI, 1, NEGATIVE)
    assert await counts(store) == (
        {(7, 8, "positive", "positive"): 1, (7, 8, "negative", "spam"): 1},
        {(2, 0, 0, 0): 1, (0, 1, 0, 1): 1},
    )
    await decide(store, CHEN, 0, POSITIVE)
    assert await counts(store) == (
        {
            (7, 8, "positive", "positive"): 1,
            (7, 9, "positive", "positive"): 1,
            (8, 9, "positive", "positive"): 1,
            (7, 8, "negative", "spam"): 1,
        },
        {(3, 0, 0, 0): 1, (0, 1, 0, 1): 1},
    )


async def test_changed_labels_and_undo_update_the_counts(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, 0, POSITIVE)
    await decide(store, WANG, 0, NEGATIVE)
    await decide(store, LI, 0, NEGATIVE)
    assert await counts(store) == ({(7, 8, "negative", "negative"): 1}, {(0, 2, 0, 0): 1})
    await undo_review(store, LI, "forum", "0")
    assert await counts(store) == ({(7, 8, "positive", "negative"): 1}, {(1, 1, 0, 0): 1})
    await undo_review(store, WANG, "forum", "0")
    assert await counts(store) == ({}, {})


async def test_the_label_that_resolves_a_dispute_is_not_independent_and_not_counted(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, 0, POSITIVE)
    await decide(store, WANG, 0, NEGATIVE)
    before = await counts(store)
    await decide(store, CHEN, 0, NEGATIVE)
    assert await counts(store) == before
    await decide(store, CHEN, 0, SPAM)
    assert await counts(store) == before


async def test_each_text_of_a_comment_is_counted_separately(feed: Feed) -> None:
    store = feed.store
    await decide(store, LI, 0, POSITIVE)
    await feed.send(arrival("0", "改过的话", edited=0.0))
    await decide(store, WANG, 0, NEGATIVE)
    assert await counts(store) == ({}, {})
    await decide(store, LI, 0, NEGATIVE)
    await feed.send(arrival("0", "又改", edited=1))
    assert await counts(store) == ({(7, 8, "negative", "negative"): 1}, {(0, 2, 0, 0): 1})


async def test_agreement_of_all_reviewers_and_of_each_pair_by_label(feed: Feed) -> None:
    store = feed.store
    labels = [(POSITIVE, POSITIVE)] * 12 + [(NEGATIVE, NEGATIVE)] * 8 + [(POSITIVE, NEGATIVE)] * 3 + [(SPAM, SPAM)] * 2
    for n, (one, other) in enumerate(labels):
        await decide(store, LI, n, one)
        await decide(store, WANG, n, other)
    for n in range(5):
        await decide(store, CHEN, n, POSITIVE)
    found: list[Agreement] = await read_agreement(store)
    of_all, of_pair = found[:5], found[5:10]
    assert [one.label for one in of_all] == [None, *ShownLabel]
    assert all(one.pair is None and one.kappa.value is None for one in of_all)
    assert (of_all[0].texts, of_all[0].same) == (25, 22)
    assert [(one.texts, one.same) for one in of_pair] == [(25, 22), (25, 22), (25, 22), (25, 25), (25, 25)]
    assert [(one.number, one.name) for one in of_pair[0].pair or ()] == [(7, None), (8, None)]
    table = numpy.zeros((4, 4), dtype=numpy.int64)
    table[0, 0], table[1, 1], table[0, 1], table[3, 3] = 12, 8, 3, 2
    assert of_pair[0].kappa == cohens_kappa(table)
    assert of_pair[1].kappa == cohens_kappa(numpy.array([[12, 3], [0, 10]]))
    assert of_pair[3].kappa.value is None
    assert of_pair[4].alpha.value == pytest.approx(1)
    assert [tuple(one.number for one in pair.pair or ()) for pair in found[5::5]] == [(7, 8), (7, 9), (8, 9)]


async def test_agreement_is_empty_without_reviews(store: Store) -> None:
    assert await read_agreement(store) == []
