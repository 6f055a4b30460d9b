"""Dead letters are requeued, leased by one consumer, resolved by their copies and discarded, on every database."""

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
    discard,
    discard_all,
    export_dead_letters,
    list_dead_letters,
    read_dead_letter,
    requeue,
    requeue_all,
)
from store.dead_letter_counts import count_dead_letters, count_reasons_and_topics, count_up_to
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


async def leased(store: Store, topics: list[str] = TOPICS, lease_seconds: float = 60) -> list[OutboxMessage]:
    return await store.write(lease_messages, topics, ERASURE_KEY, limit=10, lease_seconds=lease_seconds)


async def all_letters(store: Store) -> list[StoredLetter]:
    return await store.read(list_dead_letters, EVERYTHING, 100)


async def only_letter(store: Store) -> StoredLetter:
    [letter] = await all_letters(store)
    return letter


async def deliver(feed: Feed, message: OutboxMessage, record: Arrival | Tombstone | DeadLetter) -> BatchOutcome:
    """Write the published copy of a message, as the consumer that reads it at its next offset does."""
    header = dict(message.headers)[DEAD_LETTER_HEADER]
    assert header is not None
    copy = RequeuedRecord(feed.partition, feed.offset, message.key, message.value, header)
    if isinstance(record, DeadLetter):
        record = replace(record, offset=feed.offset, partition=feed.partition, key=message.key, value=message.value)
    advance = Advance(feed.partition, feed.offset, feed.offset + 1)
    feed.offset += 1
    return await feed.store.write(write_batch, Batch(feed.model.number, [advance], [record], [copy]))


async def requeued(feed: Feed) -> OutboxMessage:
    """Store, requeue and lease one dead letter."""
    await feed.send(dead_letter(feed.offset, value=NOT_UTF8, headers=HEADERS))
    letter = (await all_letters(feed.store))[0]
    assert await feed.store.write(requeue, [letter.number], WANG) == 1
    [message] = await leased(feed.store)
    return message


async def test_a_message_has_the_original_record_and_the_dead_letters_header(feed: Feed) -> None:
    message = await requeued(feed)
    assert (message.topic, message.key, message.value) == ("comments", b"forum:1", NOT_UTF8)
    assert tuple(message.headers[:2]) == HEADERS
    assert message.headers[2] == (
        DEAD_LETTER_HEADER,
        header_value(ERASURE_KEY, message.letter or 0, b"forum:1", NOT_UTF8),
    )
    assert (await only_letter(feed.store)).state is DeadLetterState.REQUEUED


async def test_requeueing_twice_creates_one_message(feed: Feed) -> None:
    await feed.send(dead_letter(0))
    number = (await only_letter(feed.store)).number
    assert await feed.store.write(requeue, [number], WANG) == 1
    assert await feed.store.write(requeue, [number], LI) == 0
    assert await requeue_all(feed.store, DeadLetterFilter(), LI) == 0
    assert len(await leased(feed.store)) == 1
    assert (await only_letter(feed.store)).attempts == 1


async def test_one_consumer_has_a_message_until_its_lease_ends(feed: Feed) -> None:
    message = await requeued(feed)
    assert await leased(feed.store) == []
    assert await feed.store.read(has_messages, TOPICS)
    async with feed.store.writing() as session:
        ended = datetime.now(UTC) - timedelta(seconds=1)
        await session.connection.execute(update(outbox).values(claimed_until=ended))
    [again] = await leased(feed.store)
    assert (again.number, again.lease != message.lease) == (message.number, True)
    await feed.store.write(mark_published, [Published(message, 1, 5)])  # Too late: another consumer has leased it.
    assert await feed.store.read(has_messages, TOPICS)
    await feed.store.write(mark_published, [Published(again, 2, 7)])
    assert not await feed.store.read(has_messages, TOPICS)
    [done] = (await feed.store.read(read_dead_letter, message.letter or 0))[2]
    assert (done.published_partition, done.published_offset, done.ordered_by) == (2, 7, "wang")
    async with feed.store.reading() as connection:
        assert (await connection.execute(text("SELECT value FROM outbox"))).scalar_one() is None


async def test_messages_for_other_topics_are_not_leased(feed: Feed) -> None:
    await feed.send(dead_letter(0))
    await requeue_all(feed.store, DeadLetterFilter(), WANG)
    assert await leased(feed.store, ["other"]) == []
    assert len(await leased(feed.store)) == 1


async def test_a_stored_copy_resolves_its_dead_letter_idempotently(feed: Feed) -> None:
    message = await requeued(feed)
    assert await deliver(feed, message, arrival()) == BatchOutcome(new=1)
    assert await deliver(feed, message, arrival()) == BatchOutcome(same=1)
    letter = await only_letter(feed.store)
    assert (letter.state, letter.latest_offset, letter.offset) == (DeadLetterState.RESOLVED, 2, 0)
    assert letter.settled_at is not None
    with pytest.raises(UsageError, match="is already resolved"):
        await feed.store.write(requeue, [letter.number], WANG)
    with pytest.raises(UsageError, match="is already resolved"):
        await feed.store.write(discard, [letter.number], WANG)


async def test_a_failed_copy_updates_its_dead_letter_idempotently(feed: Feed) -> None:
    message = await requeued(feed)
    failure = replace(dead_letter(), reason="invalid_field", detail="Text is missing.")
    for at in (1, 2):
        assert await deliver(feed, message, failure) == BatchOutcome(dead=1)
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


async def test_two_copies_in_one_batch_update_one_dead_letter(feed: Feed) -> None:
    message = await requeued(feed)
    header = dict(message.headers)[DEAD_LETTER_HEADER] or b""
    letters = [replace(dead_letter(at), key=message.key, value=message.value) for at in (1, 2)]
    copies = [RequeuedRecord(PARTITION, letter.offset, message.key, message.value, header) for letter in letters]
    await feed.store.write(write_batch, Batch(feed.model.number, [Advance(PARTITION, 1, 3)], letters, copies))
    letter = await only_letter(feed.store)
    assert (letter.state, letter.latest_offset) == (DeadLetterState.OPEN, 2)


async def test_reading_the_original_record_again_keeps_the_state(feed: Feed) -> None:
    message = await requeued(feed)
    await deliver(feed, message, arrival())
    await feed.store.write(seek_partition, PARTITION, 0, None)
    feed.offset = 0
    await feed.send(dead_letter(0, value=NOT_UTF8, headers=HEADERS))
    assert (await only_letter(feed.store)).state is DeadLetterState.RESOLVED


async def test_a_forged_header_resolves_nothing(feed: Feed) -> None:
    message = await requeued(feed)
    genuine = dict(message.headers)[DEAD_LETTER_HEADER] or b""
    forged = [b"%d" % (message.letter or 0), genuine[:-1] + b"x", b"", b"-1 x", b"9" * 30, "１ x".encode()]
    copies = [
        RequeuedRecord(PARTITION, feed.offset + at, message.key, message.value, header)
        for at, header in enumerate(forged)
    ]
    copies.append(RequeuedRecord(PARTITION, feed.offset + len(forged), message.key, b"other", genuine))
    letters = [dead_letter(copy.offset, copy.key, copy.value) for copy in copies]
    advance = Advance(PARTITION, feed.offset, feed.offset + len(letters))
    await feed.store.write(write_batch, Batch(feed.model.number, [advance], letters, copies))
    stored = await all_letters(feed.store)
    assert len(stored) == 1 + len(copies)
    assert stored[-1].state is DeadLetterState.REQUEUED


async def test_another_groups_copy_is_an_ordinary_record(feed: Feed) -> None:
    message = await requeued(feed)
    other = await feed_of(feed.store, partition=PartitionKey("other", "comments", 0))
    await deliver(other, message, dead_letter())
    assert [(letter.group, letter.state) for letter in await all_letters(feed.store)] == [
        ("other", DeadLetterState.OPEN),
        ("liuyan", DeadLetterState.REQUEUED),
    ]


async def test_a_tombstone_erases_dead_letter_and_messages_and_a_late_copy_is_dropped(feed: Feed) -> None:
    message = await requeued(feed)
    await feed.send(tombstone("1", at=60))
    assert await all_letters(feed.store) == []
    assert not await feed.store.read(has_messages, TOPICS)
    await feed.store.write(mark_published, [Published(message, 0, 2)])
    assert await deliver(feed, message, dead_letter()) == BatchOutcome(dead=1)
    assert await all_letters(feed.store) == []


async def test_a_truncated_dead_letter_cannot_be_requeued(feed: Feed) -> None:
    await feed.send(dead_letter(0), truncate=True)
    await feed.send(dead_letter(1, b"forum:2"))
    whole, truncated = await all_letters(feed.store)
    with pytest.raises(UsageError, match=f"Dead letter {truncated.number} was too large"):
        await feed.store.write(requeue, [whole.number, truncated.number], WANG)
    assert not await feed.store.read(has_messages, TOPICS)
    assert await requeue_all(feed.store, DeadLetterFilter(), WANG) == 1


async def test_discarding_hides_a_dead_letter_and_cancels_its_message(feed: Feed) -> None:
    await feed.send(dead_letter(0), dead_letter(1, b"forum:2"))
    second, first = await all_letters(feed.store)
    await feed.store.write(requeue, [first.number], WANG)
    assert await feed.store.write(discard, [first.number], LI) == 1
    assert await feed.store.write(discard, [first.number], LI) == 0
    assert not await feed.store.read(has_messages, TOPICS)
    assert [letter.number for letter in await feed.store.read(list_dead_letters, DeadLetterFilter(), 10)] == [
        second.number
    ]
    letter, _, [message] = await feed.store.read(read_dead_letter, first.number)
    assert (letter.state, letter.settled_by) == (DeadLetterState.DISCARDED, "li")
    assert message.refused == "cancelled: li discarded the letter"
    assert await discard_all(feed.store, DeadLetterFilter(), LI) == 1
    assert await feed.store.write(requeue, [first.number], WANG) == 1  # A discarded dead letter can be requeued.


async def test_a_refused_message_reopens_its_dead_letter(feed: Feed) -> None:
    message = await requeued(feed)
    await feed.store.write(mark_refused, message, "Kafka refuses it: too large")
    letter, _, [stored] = await feed.store.read(read_dead_letter, message.letter or 0)
    assert (letter.state, stored.refused) == (DeadLetterState.OPEN, "Kafka refuses it: too large")
    assert await feed.store.write(requeue, [letter.number], WANG) == 1


async def test_dead_letters_are_filtered_counted_and_exported(feed: Feed) -> None:
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
    counted = dict(zip(DeadLetterState, (2, 1, 0, 0), strict=True))
    assert await store.read(count_dead_letters, EVERYTHING) == counted
    assert await store.read(count_up_to, 3) == counted
    assert await store.read(count_up_to, 1) == dict(zip(DeadLetterState, (1, 1, 0, 0), strict=True))
    states = frozenset({DeadLetterState.OPEN})
    assert await store.read(count_reasons_and_topics, states) == ({"json": 2}, {"comments": 2})


async def test_more_dead_letters_than_fit_one_transaction(feed: Feed) -> None:
    await feed.send(*(dead_letter(at, b"forum:%d" % at) for at in range(450)))
    assert await requeue_all(feed.store, DeadLetterFilter(), WANG) == 450
    assert len([letter async for letter in export_dead_letters(feed.store, DeadLetterFilter())]) == 450
    assert len(await leased(feed.store)) == 10


async def test_a_missing_dead_letter_is_named(feed: Feed) -> None:
    for act in (requeue, discard):
        with pytest.raises(UsageError, match="There is no dead letter 999999"):
            await feed.store.write(act, [999_999], WANG)
    with pytest.raises(UsageError, match="There is no dead letter 999999"):
        await feed.store.read(read_dead_letter, 999_999)


async def test_requeueing_and_discarding_are_audited(feed: Feed) -> None:
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


async def test_dead_letters_are_listed_in_pages(feed: Feed) -> None:
    await feed.send(*(dead_letter(offset) for offset in range(5)))
    numbers = [letter.number for letter in await all_letters(feed.store)]
    page = await feed.store.read(list_dead_letters, EVERYTHING, 2, before=numbers[1])
    assert [letter.number for letter in page] == numbers[2:4]
