"""Dead letters are ordered, published by one, settled by their copies, and put aside: on every database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from liuyan.errors import UsageError
from store.audit import Actor, AuditFilter, list_records
from store.batch import Advance, Arrival, Batch, BatchOutcome, DeadLetter, PartitionKey, RequeuedRecord, Tombstone
from store.dead_letter_admin import (
    DeadLetterFilter,
    DeadLetterState,
    StoredLetter,
    count_dead_letters,
    discard,
    discard_all,
    export_dead_letters,
    list_dead_letters,
    read_dead_letter,
    requeue,
    requeue_all,
)
from store.outbox import OutboxMessage, Published, has_messages, lease_messages, mark_published, mark_refused
from store.partitions import seek_partition
from store.requeued import DEAD_LETTER_HEADER, header_value
from store.store import Store
from store.tables import outbox
from store.write import write_batch
from tests.store.feed import ERASURE_KEY, PARTITION, Feed, arrival, dead_letter, feed_of, tombstone

EVERYTHING = DeadLetterFilter(states=frozenset())
NOT_UTF8 = b"\xff\x00{"
HEADERS = (("trace", b"\xfe"), ("empty", None))
TOPICS = ["comments"]
WANG = Actor(None, "wang", "command", None)
LI = Actor(None, "li", "command", None)


async def claimed(store: Store, topics: list[str] = TOPICS, lease_seconds: float = 60) -> list[OutboxMessage]:
    return await store.write(lease_messages, topics, ERASURE_KEY, limit=10, lease_seconds=lease_seconds)


async def all_letters(store: Store) -> list[StoredLetter]:
    return await store.read(list_dead_letters, EVERYTHING, 100)


async def only_letter(store: Store) -> StoredLetter:
    [letter] = await all_letters(store)
    return letter


async def deliver(feed: Feed, order: OutboxMessage, became: Arrival | Tombstone | DeadLetter) -> BatchOutcome:
    """Send the copy that an order published, as a consumer does that reads it at its next offset."""
    header = dict(order.headers)[DEAD_LETTER_HEADER]
    assert header is not None
    copy = RequeuedRecord(feed.partition, feed.offset, order.key, order.value, header)
    if isinstance(became, DeadLetter):
        became = replace(became, offset=feed.offset, partition=feed.partition, key=order.key, value=order.value)
    advance = Advance(feed.partition, feed.offset, feed.offset + 1)
    feed.offset += 1
    return await feed.store.write(write_batch, Batch(feed.model.number, [advance], [became], [copy]))


async def requeued(feed: Feed) -> OutboxMessage:
    """One letter, ordered and claimed."""
    await feed.send(dead_letter(feed.offset, value=NOT_UTF8, headers=HEADERS))
    letter = (await all_letters(feed.store))[0]
    assert await feed.store.write(requeue, [letter.number], WANG) == 1
    [order] = await claimed(feed.store)
    return order


async def test_an_order_holds_the_record_as_it_was_and_the_letters_header(feed: Feed) -> None:
    order = await requeued(feed)
    assert (order.topic, order.key, order.value) == ("comments", b"forum:1", NOT_UTF8)
    assert tuple(order.headers[:2]) == HEADERS
    assert order.headers[2] == (DEAD_LETTER_HEADER, header_value(ERASURE_KEY, order.letter or 0, b"forum:1", NOT_UTF8))
    assert (await only_letter(feed.store)).state is DeadLetterState.REQUEUED


async def test_ordering_twice_is_one_order(feed: Feed) -> None:
    await feed.send(dead_letter(0))
    number = (await only_letter(feed.store)).number
    assert await feed.store.write(requeue, [number], WANG) == 1
    assert await feed.store.write(requeue, [number], LI) == 0
    assert await requeue_all(feed.store, DeadLetterFilter(), LI) == 0
    assert len(await claimed(feed.store)) == 1
    assert (await only_letter(feed.store)).attempts == 1


async def test_of_two_consumers_one_carries_an_order_out_until_its_lease_ends(feed: Feed) -> None:
    order = await requeued(feed)
    assert await claimed(feed.store) == []
    assert await feed.store.read(has_messages, TOPICS)
    async with feed.store.writing() as session:
        ended = datetime.now(UTC) - timedelta(seconds=1)
        await session.connection.execute(update(outbox).values(claimed_until=ended))
    [again] = await claimed(feed.store)
    assert (again.number, again.claim != order.claim) == (order.number, True)
    await feed.store.write(mark_published, [Published(order, 1, 5)])  # Too late: it is another's now.
    assert await feed.store.read(has_messages, TOPICS)
    await feed.store.write(mark_published, [Published(again, 2, 7)])
    assert not await feed.store.read(has_messages, TOPICS)
    [done] = (await feed.store.read(read_dead_letter, order.letter or 0))[2]
    assert (done.published_partition, done.published_offset, done.ordered_by) == (2, 7, "wang")
    async with feed.store.reading() as connection:
        assert (await connection.execute(text("SELECT value FROM outbox"))).scalar_one() is None


async def test_orders_of_topics_that_we_do_not_read_are_left(feed: Feed) -> None:
    await feed.send(dead_letter(0))
    await requeue_all(feed.store, DeadLetterFilter(), WANG)
    assert await claimed(feed.store, ["other"]) == []
    assert len(await claimed(feed.store)) == 1


async def test_a_copy_that_is_stored_resolves_its_letter_twice_too(feed: Feed) -> None:
    order = await requeued(feed)
    assert await deliver(feed, order, arrival()) == BatchOutcome(new=1)
    assert await deliver(feed, order, arrival()) == BatchOutcome(same=1)
    letter = await only_letter(feed.store)
    assert (letter.state, letter.latest_offset, letter.offset) == (DeadLetterState.RESOLVED, 2, 0)
    assert letter.settled_at is not None
    with pytest.raises(UsageError, match="is resolved already"):
        await feed.store.write(requeue, [letter.number], WANG)
    with pytest.raises(UsageError, match="is resolved already"):
        await feed.store.write(discard, [letter.number], WANG)


async def test_a_copy_that_fails_again_updates_its_letter_twice_too(feed: Feed) -> None:
    order = await requeued(feed)
    failure = replace(dead_letter(), reason="invalid_field", detail="Text is missing.")
    for at in (1, 2):
        assert await deliver(feed, order, failure) == BatchOutcome(dead=1)
        letter = await only_letter(feed.store)
        assert (letter.state, letter.attempts, letter.reason, letter.detail) == (
            DeadLetterState.OPEN,
            1,
            "invalid_field",
            "Text is missing.",
        )
        assert (letter.offset, letter.latest_offset, letter.latest_partition) == (0, at, 0)
    assert await feed.store.write(requeue, [letter.number], WANG) == 1
    assert (await only_letter(feed.store)).attempts == 2


async def test_two_copies_in_one_batch_settle_one_letter(feed: Feed) -> None:
    order = await requeued(feed)
    header = dict(order.headers)[DEAD_LETTER_HEADER] or b""
    letters = [replace(dead_letter(at), key=order.key, value=order.value) for at in (1, 2)]
    copies = [RequeuedRecord(PARTITION, letter.offset, order.key, order.value, header) for letter in letters]
    await feed.store.write(write_batch, Batch(feed.model.number, [Advance(PARTITION, 1, 3)], letters, copies))
    letter = await only_letter(feed.store)
    assert (letter.state, letter.latest_offset) == (DeadLetterState.OPEN, 2)


async def test_reading_the_original_record_again_keeps_what_was_decided(feed: Feed) -> None:
    order = await requeued(feed)
    await deliver(feed, order, arrival())
    await feed.store.write(seek_partition, PARTITION, 0, None)
    feed.offset = 0
    await feed.send(dead_letter(0, value=NOT_UTF8, headers=HEADERS))
    assert (await only_letter(feed.store)).state is DeadLetterState.RESOLVED


async def test_a_header_that_we_did_not_seal_settles_nothing(feed: Feed) -> None:
    order = await requeued(feed)
    genuine = dict(order.headers)[DEAD_LETTER_HEADER] or b""
    forged = [b"%d" % (order.letter or 0), genuine[:-1] + b"x", b"", b"-1 x", b"9" * 30, "１ x".encode()]
    copies = [
        RequeuedRecord(PARTITION, feed.offset + at, order.key, order.value, header) for at, header in enumerate(forged)
    ]
    copies.append(RequeuedRecord(PARTITION, feed.offset + len(forged), order.key, b"other", genuine))
    letters = [dead_letter(copy.offset, copy.key, copy.value) for copy in copies]
    advance = Advance(PARTITION, feed.offset, feed.offset + len(letters))
    await feed.store.write(write_batch, Batch(feed.model.number, [advance], letters, copies))
    stored = await all_letters(feed.store)
    assert len(stored) == 1 + len(copies)
    assert stored[-1].state is DeadLetterState.REQUEUED


async def test_another_groups_copy_is_a_record_like_any_other(feed: Feed) -> None:
    order = await requeued(feed)
    other = await feed_of(feed.store, partition=PartitionKey("other", "comments", 0))
    await deliver(other, order, dead_letter())
    assert [(letter.group, letter.state) for letter in await all_letters(feed.store)] == [
        ("other", DeadLetterState.OPEN),
        ("liuyan", DeadLetterState.REQUEUED),
    ]


async def test_a_tombstone_takes_letter_and_orders_with_it_and_a_late_copy_does_not_bring_it_back(feed: Feed) -> None:
    order = await requeued(feed)
    await feed.send(tombstone("1", at=60))
    assert await all_letters(feed.store) == []
    assert not await feed.store.read(has_messages, TOPICS)
    await feed.store.write(mark_published, [Published(order, 0, 2)])
    assert await deliver(feed, order, dead_letter()) == BatchOutcome(dead=1)
    assert await all_letters(feed.store) == []


async def test_a_truncated_letter_cannot_be_published_again(feed: Feed) -> None:
    await feed.send(dead_letter(0), truncate=True)
    await feed.send(dead_letter(1, b"forum:2"))
    whole, truncated = await all_letters(feed.store)
    with pytest.raises(UsageError, match=f"Dead letter {truncated.number} was too large"):
        await feed.store.write(requeue, [whole.number, truncated.number], WANG)
    assert not await feed.store.read(has_messages, TOPICS)
    assert await requeue_all(feed.store, DeadLetterFilter(), WANG) == 1


async def test_a_discarded_letter_leaves_the_list_and_its_order_is_withdrawn(feed: Feed) -> None:
    await feed.send(dead_letter(0), dead_letter(1, b"forum:2"))
    second, first = await all_letters(feed.store)
    await feed.store.write(requeue, [first.number], WANG)
    assert await feed.store.write(discard, [first.number], LI) == 1
    assert await feed.store.write(discard, [first.number], LI) == 0
    assert not await feed.store.read(has_messages, TOPICS)
    assert [letter.number for letter in await feed.store.read(list_dead_letters, DeadLetterFilter(), 10)] == [
        second.number
    ]
    letter, _, [order] = await feed.store.read(read_dead_letter, first.number)
    assert (letter.state, letter.settled_by) == (DeadLetterState.DISCARDED, "li")
    assert order.refused == "withdrawn: li discarded the letter"
    assert await discard_all(feed.store, DeadLetterFilter(), LI) == 1
    assert await feed.store.write(requeue, [first.number], WANG) == 1  # Somebody thought again.


async def test_what_kafka_refuses_is_open_again_and_says_why(feed: Feed) -> None:
    order = await requeued(feed)
    await feed.store.write(mark_refused, order, "Kafka refuses it: too large")
    letter, _, [stored] = await feed.store.read(read_dead_letter, order.letter or 0)
    assert (letter.state, stored.refused) == (DeadLetterState.OPEN, "Kafka refuses it: too large")
    assert await feed.store.write(requeue, [letter.number], WANG) == 1


async def test_letters_are_filtered_counted_and_exported_whole(feed: Feed) -> None:
    other = replace(dead_letter(2, None, None), reason="missing_key")
    await feed.send(dead_letter(0, value=NOT_UTF8, headers=HEADERS), dead_letter(1, b"\xff"), other)
    store = feed.store
    assert [letter.offset for letter in await store.read(list_dead_letters, DeadLetterFilter(), 2)] == [2, 1]
    assert [
        letter.offset for letter in await store.read(list_dead_letters, DeadLetterFilter(reason="missing_key"), 9)
    ] == [2]
    assert await store.read(list_dead_letters, DeadLetterFilter(topic="other"), 9) == []
    future = datetime.now(UTC) + timedelta(hours=1)
    assert await store.read(list_dead_letters, DeadLetterFilter(since=future), 9) == []
    assert len(await store.read(list_dead_letters, DeadLetterFilter(since=future - timedelta(hours=2)), 9)) == 3
    exported = [
        (letter.key, content.value, content.headers) async for letter, content in export_dead_letters(store, EVERYTHING)
    ]
    assert exported == [(b"forum:1", NOT_UTF8, list(HEADERS)), (b"\xff", b"{", []), (None, None, [])]
    await requeue_all(store, DeadLetterFilter(reason="missing_key"), WANG)
    assert await store.read(count_dead_letters, EVERYTHING) == {
        DeadLetterState.OPEN: 2,
        DeadLetterState.REQUEUED: 1,
        DeadLetterState.RESOLVED: 0,
        DeadLetterState.DISCARDED: 0,
    }


async def test_more_letters_than_one_transaction_takes(feed: Feed) -> None:
    await feed.send(*(dead_letter(at, b"forum:%d" % at) for at in range(450)))
    assert await requeue_all(feed.store, DeadLetterFilter(), WANG) == 450
    assert len([letter async for letter in export_dead_letters(feed.store, DeadLetterFilter())]) == 450
    assert len(await claimed(feed.store)) == 10


async def test_a_letter_that_is_not_there_is_named(feed: Feed) -> None:
    for act in (requeue, discard):
        with pytest.raises(UsageError, match="There is no dead letter 999999"):
            await feed.store.write(act, [999_999], WANG)
    with pytest.raises(UsageError, match="There is no dead letter 999999"):
        await feed.store.read(read_dead_letter, 999_999)


async def test_who_decided_about_which_letter_stands_in_the_audit_log(feed: Feed) -> None:
    await feed.send(dead_letter(0), dead_letter(1))
    second, first = [letter.number for letter in await all_letters(feed.store)]
    await feed.store.write(requeue, [first], Actor(7, "wang", "session", "10.0.0.1"))
    await discard_all(feed.store, DeadLetterFilter(), LI)
    async with feed.store.reading() as connection:
        records = (await list_records(connection, AuditFilter(object_kind="dead_letter"), None, 10)).items
    assert [(one.action, one.object_id, one.user_number, one.user_name, one.via, one.detail) for one in records] == [
        ("dead_letter.discard", str(second), None, "li", "command", {}),
        ("dead_letter.requeue", str(first), 7, "wang", "session", {}),
    ]


async def test_letters_are_listed_in_steps(feed: Feed) -> None:
    await feed.send(*(dead_letter(offset) for offset in range(5)))
    numbers = [letter.number for letter in await all_letters(feed.store)]
    page = await feed.store.read(list_dead_letters, EVERYTHING, 2, before=numbers[1])
    assert [letter.number for letter in page] == numbers[2:4]
