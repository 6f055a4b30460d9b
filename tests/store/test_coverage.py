"""Coverage comes from counts, and tells how many comments of a range a model has not labelled."""

from collections.abc import Sequence

from store.analytics import CountFilter
from store.audit import Actor
from store.batch import Label
from store.check import recount_comments
from store.comments import ShownLabel
from store.coverage import Coverage, ModelTotals, MonthCoverage, count_unlabelled, coverage_by_month, read_totals
from store.models import register_model
from store.promotion import promote_model
from store.reviews import Opinion, add_review
from store.store import Store
from tests.store.feed import Feed, arrival, feed_of, microseconds, minutes, tombstone

WANG = Actor(7, "wang", "session", None)
MONTH = 40 * 24 * 60


async def two_models(store: Store) -> Sequence[Feed]:
    """Store five comments labelled by a first model, and two labelled only by a second, which is not active."""
    first = await feed_of(store)
    await first.send(*(arrival(str(n)) for n in range(4)), arrival("4", created=MONTH, platform="desk"))
    second = await feed_of(store, "b" * 64)
    await second.send(arrival("5", label=Label.NEGATIVE, uncertain=True), arrival("6", created=MONTH))
    first.offset = second.offset
    return [first, second]


async def test_an_empty_database_is_covered(store: Store) -> None:
    model = await register_model(store, "a" * 64, "first", 0.4, 0.6)
    assert await store.read(read_totals) == {model.number: ModelTotals()}
    assert (Coverage().share, Coverage().missing) == (1.0, 0)
    assert await store.read(count_unlabelled, CountFilter()) == 0
    assert await store.read(coverage_by_month, model.number) == []


async def test_totals_of_every_model(store: Store) -> None:
    first, second = await two_models(store)
    unused = await register_model(store, "c" * 64, "unused", 0.4, 0.6)
    version = microseconds(minutes(0))
    for id, label in (("0", "positive"), ("1", "negative"), ("2", "spam"), ("5", "negative")):
        await add_review(store, WANG, Opinion("forum", id, version, ShownLabel(label)))
    assert await store.read(read_totals) == {
        first.model.number: ModelTotals(Coverage(7, 5), positive=5, decided=2, right=1),
        second.model.number: ModelTotals(Coverage(7, 2), positive=1, uncertain=1, decided=1, right=1),
        unused.number: ModelTotals(Coverage(7, 0)),
    }
    assert await store.read(recount_comments) == []


async def test_coverage_by_month(store: Store) -> None:
    _, second = await two_models(store)
    assert await store.read(coverage_by_month, second.model.number) == [
        MonthCoverage("2026-03", Coverage(2, 1)),
        MonthCoverage("2026-01", Coverage(5, 1)),
    ]


async def test_unlabelled_comments_of_a_range(store: Store) -> None:
    first, second = await two_models(store)

    async def count(**conditions: object) -> int:
        return await store.read(count_unlabelled, CountFilter(**conditions))  # type: ignore[arg-type]

    assert await count() == 2
    assert await count(platform="forum") == 2
    assert await count(platform="desk") == 0
    assert await count(platform="nowhere") == 0
    assert await count(created_from=minutes(60)) == 1
    assert await count(created_to=minutes(60)) == 1
    assert await count(created_from=minutes(60), platform="forum") == 1
    assert await count(model=second.model.sha256) == 5
    assert await count(model="c" * 64) == 0
    await first.send(tombstone("5", at=1))
    assert await count() == 1
    assert await store.read(recount_comments) == []


async def test_an_edit_into_another_hour_moves_the_count(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(arrival("1"))
    await feed.send(arrival("1", created=120, edited=121))
    assert await store.read(recount_comments) == []
    assert await store.read(count_unlabelled, CountFilter()) == 0
    await feed.send(tombstone("1", at=200), tombstone("2", at=200))
    assert await store.read(recount_comments) == []
    assert await store.read(read_totals) == {feed.model.number: ModelTotals()}


async def test_a_promotion_changes_which_comments_are_unlabelled(store: Store) -> None:
    first, _ = await two_models(store)
    files = {"SHA256SUMS": b"sums"}
    new = await register_model(store, "d" * 64, "new", 0.4, 0.6, files=files)
    await store.write(promote_model, WANG, new.number, first.model.number)
    assert await store.read(count_unlabelled, CountFilter()) == 7
