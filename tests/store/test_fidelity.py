"""Values are read back exactly as written: ids byte for byte, any Unicode, times to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from store.batch import BatchOutcome
from store.comments import comment_history
from store.errors import PermanentStoreError
from store.tables import comments
from store.types import UtcDateTime, in_utc, time_text
from tests.store.feed import Feed, arrival, microseconds, with_content
from tests.store.tables_read import read_contents

IDENTITIES = ["a", "A", "á", "a\u0301", "ａ", "a ", " a", "a\t", "ä", "ß", "ss", "", "١", "1", "𠮷", "吉", "👍", "👍🏽"]
TEXTS = [
    "𠮷野家很好吃",
    "👨‍👩‍👧‍👦❤️‍🔥🏳️‍🌈",
    "trailing space ",
    "line\r\nline\n\ttab",
    "quotes ' \" ` \\ %s :name %(x)s ; --",
    "\ufeffbyte order mark",
    "\u0001\u001f\u007f\u0085\u2028",
    "e\u0301 é",
    "\U0010ffff\ue000",
    "𠮷" * 10_000,
]


async def test_identities_compare_byte_for_byte(feed: Feed) -> None:
    outcome = await feed.send(*(arrival(id, text=f"text of {id!r}") for id in IDENTITIES))
    assert outcome == BatchOutcome(new=len(IDENTITIES))
    assert (await feed.send(*(arrival(id, text=f"text of {id!r}") for id in IDENTITIES))).same == len(IDENTITIES)
    contents = (await read_contents(feed.store)).comments
    assert {id: text for (_, id), (text, *_) in contents.items()} == {id: f"text of {id!r}" for id in IDENTITIES}
    for id in IDENTITIES:
        history = await feed.store.read(comment_history, "forum", id)
        assert history is not None
        assert history.comment is not None
        assert history.comment.id == id


async def test_texts_are_stored_unchanged(feed: Feed) -> None:
    await feed.send(*(arrival(str(n), text, author=text[:128], thread=text[:256]) for n, text in enumerate(TEXTS)))
    contents = (await read_contents(feed.store)).comments
    assert [contents["forum", str(n)][0] for n in range(len(TEXTS))] == TEXTS
    assert [contents["forum", str(n)][4] for n in range(len(TEXTS))] == [text[:128] for text in TEXTS]
    await feed.send(*(arrival(str(n), "replaced", edited=1) for n in range(len(TEXTS))))
    versions = (await read_contents(feed.store)).versions
    assert [versions["forum", str(n)][0][1] for n in range(len(TEXTS))] == TEXTS


async def test_times_keep_microseconds_in_any_year(feed: Feed) -> None:
    times = [
        datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC),
        datetime(1, 1, 1, 0, 0, 0, 1, UTC),
        datetime(999, 12, 31, 12, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 123_456, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=8))),
    ]
    events = [
        with_content(arrival(str(n)), created_at=time, version=microseconds(time)) for n, time in enumerate(times)
    ]
    await feed.send(*events)
    assert await feed.send(*events) == BatchOutcome(same=len(times))
    contents = await read_contents(feed.store)
    for n, time in enumerate(times):
        assert contents.comments["forum", str(n)][1:3] == (microseconds(time), time)
    hours = {time.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for time in times}
    assert {hour for _, _, hour, _, _ in contents.counts} == hours
    async with feed.store.reading() as connection:
        query = select(comments.c.id).where(comments.c.created_at == times[1])
        assert (await connection.execute(query)).scalar_one() == "1"


async def test_a_lone_surrogate_is_refused(feed: Feed) -> None:
    with pytest.raises(PermanentStoreError, match="surrogate"):
        await feed.send(arrival(author="\ud83d"))
    assert (await feed.send(arrival())).new == 1


async def test_probabilities_keep_every_digit(feed: Feed) -> None:
    exact = 0.1 + 0.2
    await feed.send(arrival(probability=exact))
    assert [probability for _, probability, _ in (await read_contents(feed.store)).predictions.values()] == [exact]


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"], indirect=True)  # SQLite does not enforce lengths.
async def test_a_string_too_long_for_its_column_is_refused(feed: Feed) -> None:
    for wrong in (arrival(id="i" * 129), arrival(author="a" * 129), arrival(thread="t" * 1000)):
        with pytest.raises(PermanentStoreError):
            await feed.send(arrival("2"), wrong)
    assert (await read_contents(feed.store)).comments == {}


def test_a_naive_datetime_is_refused() -> None:
    naive = datetime(2026, 1, 1)
    for refuse in (in_utc, time_text, lambda time: UtcDateTime().process_bind_param(time, SQLiteDialect())):
        with pytest.raises(ValueError, match="no time zone"):
            refuse(naive)
