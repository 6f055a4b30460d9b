"""Dead letters are stored completely: key, value, headers, offset and reason."""

import json

import pytest
from sqlalchemy import select, text

from store.batch import BatchOutcome
from store.dead_letters import TRUNCATED_BYTES, WHOLE_BYTES, read_headers, write_headers
from store.errors import PermanentStoreError
from store.partitions import seek_partition
from store.tables import dead_letters
from tests.store.conftest import ready_store
from tests.store.feed import Feed, arrival, dead_letter, feed_of

EVERY_BYTE = bytes(range(256)) * 3
HEADERS = (("trace", EVERY_BYTE), ("trace", None), ("名字", b""), ("", b"x"))


async def test_a_dead_letter_is_stored_completely(feed: Feed) -> None:
    await feed.send(
        dead_letter(0, EVERY_BYTE, EVERY_BYTE, HEADERS), dead_letter(1, None, None), dead_letter(2, b"", b"")
    )
    async with feed.store.reading() as connection:
        rows = (await connection.execute(select(dead_letters).order_by(dead_letters.c.offset))).all()
    assert [(row.key, row.value, row.value_bytes) for row in rows] == [
        (EVERY_BYTE, EVERY_BYTE, len(EVERY_BYTE)),
        (None, None, None),
        (b"", b"", 0),
    ]
    first = rows[0]
    assert tuple(read_headers(first.headers)) == HEADERS
    assert (first.consumer_group, first.topic, first.partition) == ("liuyan", "comments", 0)
    assert (first.record_timestamp, first.reason, first.detail) == (1_769_898_600_000, "json", "It is not JSON.")
    assert not first.truncated
    assert rows[1].key_digest is None


async def test_a_record_of_many_megabytes_is_truncated(feed: Feed) -> None:
    await feed.send(dead_letter(0, b"forum:1", b"x" * (WHOLE_BYTES + 1)), dead_letter(1, b"forum:2", b"small"))
    async with feed.store.reading() as connection:
        rows = (await connection.execute(select(dead_letters).order_by(dead_letters.c.offset))).all()
    assert [(len(row.value), row.value_bytes, row.truncated) for row in rows] == [
        (TRUNCATED_BYTES, WHOLE_BYTES + 1, True),
        (5, 5, False),
    ]


async def test_a_megabyte_of_any_bytes_is_stored(feed: Feed) -> None:
    value = bytes(index * 7 % 256 for index in range(1 << 20))
    await feed.send(dead_letter(0, b"k" * 5000, value))
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(dead_letters.c.value))).scalar_one() == value


async def test_reading_a_record_again_updates_its_dead_letter(feed: Feed) -> None:
    await feed.send(dead_letter(0, value=b"{"))
    feed.offset = 0
    await feed.store.write(seek_partition, feed.partition, 0, None)
    assert await feed.send(dead_letter(0, value=b"[")) == BatchOutcome(dead=1)
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(dead_letters.c.value))).scalars().all() == [b"["]


async def test_overlong_reasons_and_details_are_shortened(feed: Feed) -> None:
    letter = dead_letter(0)
    object.__setattr__(letter, "detail", "\ud800" + "长" * 5000)
    object.__setattr__(letter, "reason", "r" * 100)
    await feed.send(letter)
    async with feed.store.reading() as connection:
        row = (await connection.execute(select(dead_letters))).one()
    assert (row.detail, row.reason) == ("?" + "长" * 999, "r" * 64)


async def test_a_truncated_dead_letter_has_the_beginning_and_the_original_size(feed: Feed) -> None:
    value = b"0123456789" * 20_000
    await feed.send(dead_letter(0, b"forum:9" + b"k" * 100_000, value, (("big", value),)), truncate=True)
    async with feed.store.reading() as connection:
        row = (await connection.execute(select(dead_letters))).one()
    assert row.truncated
    assert (row.value, row.value_bytes) == (value[:TRUNCATED_BYTES], len(value))
    assert len(row.key) == TRUNCATED_BYTES
    assert read_headers(row.headers) == []


async def test_a_record_larger_than_the_servers_packet_fits_only_truncated(migrated_url: str) -> None:
    async with await ready_store(migrated_url) as store, store.engine.connect() as administrator:
        before = (await administrator.execute(text("SELECT @@GLOBAL.max_allowed_packet"))).scalar_one()
        await administrator.execute(text("SET GLOBAL max_allowed_packet = 1048576"))
        try:
            async with await ready_store(migrated_url) as small:
                feed = await feed_of(small)
                letter = dead_letter(1, b"forum:1", b"\xff" * 1_000_000)
                with pytest.raises(PermanentStoreError, match="max_allowed_packet of 1048576"):
                    await feed.send(arrival(), letter)
                assert (await feed.send(arrival())).new == 1
                assert (await feed.send(letter, truncate=True)).dead == 1
                with pytest.raises(PermanentStoreError):
                    await feed.send(*(arrival(str(n), "\u0001" * 10_000) for n in range(30)))
                assert (await feed.send(*(arrival(str(n), "\u0001" * 10_000) for n in range(10)))).edited == 1
        finally:
            await administrator.execute(text(f"SET GLOBAL max_allowed_packet = {before}"))


def test_headers_are_readable_json() -> None:
    stored = write_headers([("名字", b"\x00"), ("none", None)])
    assert json.loads(stored) == [["名字", "AA=="], ["none", None]]
