"""Short constructors for events, and a feed that writes them to a store like a consumer."""

from datetime import UTC, datetime, timedelta
from typing import Any

from store.batch import (
    Advance,
    Arrival,
    Batch,
    BatchOutcome,
    Content,
    DeadLetter,
    Label,
    ModelRow,
    PartitionKey,
    Prediction,
    Tombstone,
)
from store.models import register_model
from store.partitions import begin_partition
from store.store import Store
from store.write import write_batch

ERASURE_KEY = b"a key for tests alone"
START = datetime(2026, 1, 31, 22, 30, tzinfo=UTC)
PARTITION = PartitionKey("liuyan", "comments", 0)


def minutes(count: float) -> datetime:
    """Return the time ``count`` minutes after START."""
    return START + timedelta(minutes=count)


def earlier() -> datetime:
    """Return a time at which a lease began that leaves enough time to read the comment and has not expired."""
    return datetime.now(UTC) - timedelta(minutes=5)


def microseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def arrival(
    id: str = "1",
    text: str = "味道不错",
    edited: float | None = None,
    created: float = 0,
    platform: str = "forum",
    author: str | None = "小王",
    thread: str | None = None,
    label: Label = Label.POSITIVE,
    probability: float = 0.9,
    uncertain: bool = False,
) -> Arrival:
    """Build a comment event; ``created`` and ``edited`` are in minutes after START."""
    edited_at = None if edited is None else minutes(edited)
    version = microseconds(edited_at or minutes(created))
    content = Content(text, version, minutes(created), edited_at, author, thread)
    return Arrival(platform, id, content, Prediction(label, probability, uncertain))


def with_content(event: Arrival, **changes: Any) -> Arrival:
    """Return the event with some fields of its content replaced."""
    return event._replace(content=event.content._replace(**changes))


def tombstone(id: str = "1", at: float = 0, platform: str = "forum") -> Tombstone:
    """Build a tombstone with a timestamp ``at`` minutes after START."""
    return Tombstone(platform, id, microseconds(minutes(at)))


def dead_letter(
    offset: int = 0,
    key: bytes | None = b"forum:1",
    value: bytes | None = b"{",
    headers: tuple[tuple[str, bytes | None], ...] = (),
    partition: PartitionKey = PARTITION,
) -> DeadLetter:
    return DeadLetter(partition, offset, key, value, headers, 1_769_898_600_000, "json", "It is not JSON.")


class Feed:
    """Writes records to a store; each batch begins at the offset where the previous one ended."""

    def __init__(self, store: Store, model: ModelRow, partition: PartitionKey = PARTITION) -> None:
        self.store = store
        self.model = model
        self.partition = partition
        self.offset = 0

    async def send(self, *records: Arrival | Tombstone | DeadLetter, truncate: bool = False) -> BatchOutcome:
        advance = Advance(self.partition, self.offset, self.offset + len(records))
        batch = Batch(self.model.number, [advance], records)
        outcome = await self.store.write(write_batch, batch, truncate_dead_letters=truncate)
        self.offset += len(records)
        return outcome


async def feed_of(store: Store, sha256: str = "a" * 64, partition: PartitionKey = PARTITION) -> Feed:
    """Create a feed at the stored offset of ``partition``, labelled by the model ``sha256``."""
    model = await register_model(store, sha256, f"model {sha256[0]}", 0.3, 0.7)
    state = await store.write(begin_partition, partition, 0, None)
    feed = Feed(store, model, partition)
    feed.offset = state.next_offset
    return feed


async def send_sampled(feed: Feed, *records: Arrival | Tombstone | DeadLetter, share: float = 1) -> BatchOutcome:
    """Send records with this share of new comments in the audit sample; elsewhere tests have no sample."""
    plain = feed.store
    url = plain.engine.url.render_as_string(hide_password=False)
    async with Store.open(url, audit_share=share) as store:
        await store.check_ready(ERASURE_KEY)
        feed.store = store
        try:
            return await feed.send(*records)
        finally:
            feed.store = plain
