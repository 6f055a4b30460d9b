"""A database that the previous release has filled works with this one after the migration."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import FromClause, func, select

from api.identity.roles import Role
from store.audit import Actor
from store.batch import BatchOutcome, Label
from store.comments import ShownLabel
from store.lock_keys import new_token
from store.migrate import migrate, stored_revision
from store.repair import find_differences
from store.retention import Rules, purge
from store.reviews import Opinion, add_review
from store.search import CommentFilter, list_comments
from store.store import Store
from store.tables import comment_versions, comments, dead_letters, erasures, predictions, reviews
from tests.api.people import add_person
from tests.store.feed import ERASURE_KEY, arrival, feed_of, microseconds, minutes
from tests.store.test_migrations import definitions
from tests.upgrades.dump import load
from tests.upgrades.fill import COMMENTS, COPY, DAY, event
from tests.upgrades.release import REVISION

LI = Actor(2, "小李", "session", None)
# Without the erased one, with those of the second model.
STORED = COMMENTS - 1 + 2


async def _numbers(store: Store) -> dict[str, int]:
    tables: tuple[FromClause, ...] = (comments, predictions, comment_versions, dead_letters, erasures, reviews)
    async with store.reading() as connection:
        return {
            str(one.description): (await connection.execute(select(func.count()).select_from(one))).scalar_one()
            for one in tables
        }


async def _labels(store: Store) -> dict[str, ShownLabel | None]:
    page = await store.read(list_comments, CommentFilter(), None, 50)
    return {one.id: one.label for one in page.items}


@pytest.fixture
def previous_url(store_kind: str, _new_database: Callable[[str], str]) -> str:
    """The URL of a database of each kind that the previous release has filled."""
    url = _new_database(store_kind)
    load(store_kind, url)
    return url


async def test_a_database_of_the_previous_release_is_upgraded(previous_url: str, store_url: str) -> None:
    async with Store.open(previous_url, audit_share=0) as store:
        async with store.reading() as connection:
            assert await connection.run_sync(stored_revision) == REVISION
        await migrate(store.engine, lambda step: None)
        await store.check_ready(ERASURE_KEY)
        async with store.reading() as connection:
            upgraded = await connection.run_sync(definitions)
        assert len(await store.read(find_differences)) == 0
        assert await _numbers(store) == {
            "comments": STORED,
            "predictions": STORED,
            "comment_versions": 1,
            "dead_letters": 2,
            "erasures": 1,
            "reviews": 7,
        }
        await _work(store)
    async with Store.open(store_url) as new, new.reading() as connection:
        created = await connection.run_sync(definitions)
    assert upgraded == created


async def _work(store: Store) -> None:
    """Repeat events, store new ones, review, purge and add an account; labels and counts must be correct."""
    labels = await _labels(store)
    assert [labels[id] for id in ("0", "2", "6", "8")] == ["negative", "negative", "negative", "spam"]
    assert {labels[str(n)] for n in range(COMMENTS) if event(n).content.text == COPY} == {"positive"}
    feed = await feed_of(store)
    assert await feed.send(event(3)) == BatchOutcome(same=1)
    assert await feed.send(event(4)) == BatchOutcome(erased_before=1)
    edited = arrival("5", "改：很好", edited=9 * DAY, created=5 * DAY / 4, platform="desk")
    assert await feed.send(edited, arrival("200", created=8 * DAY)) == BatchOutcome(new=1, edited=1)
    await add_review(store, LI, Opinion("forum", "10", microseconds(minutes(10 * DAY / 4)), ShownLabel(Label.NEGATIVE)))
    days = (datetime.now(UTC) - minutes(2 * DAY)) / timedelta(days=1)
    rules = Rules(days, 0, 0, 0, 0, 0, reviewed=False)  # type: ignore[arg-type]  # The test needs less than a day.
    purged = await purge(store, rules, LI, new_token(), lambda *_: None)
    assert purged.comments > 0
    assert await feed.send(event(3)) == BatchOutcome(purged_before=1)
    await add_person(store, "new", Role.USER, now=datetime.now(UTC))
    assert (await _labels(store))["10"] == "negative"
    assert len(await store.read(find_differences)) == 0
