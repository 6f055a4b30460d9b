"""Work on requests to erase what an author wrote: order tombstones until the author has no comment left.

A request is done when the consumers have stored everything that was in Kafka when it began, and none of these comments
is left.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog

from consumer.topics import BrokerError, TopicError, Topics
from liuyan.topics import ANY_PLATFORM
from store.author_erasures import (
    LeasedErasure,
    Offsets,
    delete_letters,
    finish_erasure,
    has_erasures,
    lease_erasure,
    order_tombstones,
    save_end_offsets,
    save_last_comment,
)
from store.authors import AuthoredComment, comments_of, letters_naming
from store.batch import NO_MODEL, Batch, Tombstone
from store.errors import CommitUnknownError, TransientStoreError
from store.lock_keys import new_token
from store.partitions import read_partitions
from store.store import Store
from store.write import write_batch

POLL_SECONDS = 2.0
# Tombstones of one transaction.
AT_ONCE = 100
# How long ordered tombstones may take before they are ordered again, for example because Kafka refused them.
APPLY_SECONDS = 300.0
log = structlog.get_logger(__name__)


class AuthorErasures:
    """Works on requests for the comments of ``topics``, which ``group`` stores."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        names: Mapping[str, frozenset[str]],
        group: str,
        *,
        poll: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._topics = topics
        self._names = names
        self._group = group
        self._poll = poll
        self._token = new_token()
        # By request: until when ordered tombstones are expected to be applied, and for which comments.
        self._ordered: dict[int, tuple[float, frozenset[int]]] = {}

    async def run(self) -> None:
        """Work on requests as they arrive, until cancelled."""
        while True:
            try:
                while await self.round():
                    pass
            except (TransientStoreError, CommitUnknownError, BrokerError, TopicError) as error:
                log.warning("cannot erase an author's comments, retrying", error=str(error), repeats=True)
            await asyncio.sleep(self._poll)

    async def round(self) -> bool:
        """Take one step of the oldest request that nobody else works on; return whether the next one can follow.

        Raises TransientStoreError, CommitUnknownError, BrokerError and TopicError.
        """
        if not await self._store.read(has_erasures):
            return False
        erasure = await self._store.write(lease_erasure, self._token)
        if erasure is None:
            return False
        if erasure.end_offsets is None:
            ends = await self._topics.ends(list(self._names))
            stored = {(partition.topic, partition.partition): offset for partition, offset in ends.items()}
            return await self._store.write(save_end_offsets, erasure.number, self._token, stored)
        if await self._is_waiting(erasure):
            return False
        passed = await self._has_passed(erasure.end_offsets)
        last = erasure.last_comment
        if passed and last is None:
            last = await self._store.write(save_last_comment, erasure.number, self._token)
            if last is None:
                return False
        ordered = await self._order(erasure, last if passed else None)
        if ordered:
            self._ordered[erasure.number] = (time.monotonic() + APPLY_SECONDS, frozenset(ordered))
        if ordered or not passed:
            return False
        await self._finish(erasure)
        return True

    async def _is_waiting(self, erasure: LeasedErasure) -> bool:
        """Return whether tombstones that this process ordered are still to be applied."""
        until, numbers = self._ordered.get(erasure.number, (0.0, frozenset[int]()))
        if time.monotonic() >= until:
            return False
        left = await self._read(erasure, None)
        return any(comment.number in numbers for comment in left)

    async def _has_passed(self, ends: Offsets) -> bool:
        """Return whether everything before ``ends`` is stored. Partitions that no consumer has begun are not."""
        states = await self._store.read(read_partitions, self._group, list(self._names))
        return all(offset == 0 or (key in states and states[key].next_offset >= offset) for key, offset in ends.items())

    async def _order(self, erasure: LeasedErasure, last: int | None) -> list[int]:
        """Order a tombstone for each comment of the author with a number up to ``last``; return their numbers."""
        topics = self._topics_of(erasure.author.platform)
        numbers: list[int] = []
        after: AuthoredComment | None = None
        while found := await self._read(erasure, after, last):
            ids = [comment.id for comment in found]
            if not await self._store.write(order_tombstones, erasure, self._token, ids, topics):
                return numbers
            if not topics:
                await self._erase_directly(erasure.author.platform, ids)
            numbers += [comment.number for comment in found]
            after = found[-1]
        return numbers

    async def _read(
        self, erasure: LeasedErasure, after: AuthoredComment | None, last: int | None = None
    ) -> list[AuthoredComment]:
        return await self._store.read(comments_of, erasure.author, after, AT_ONCE, last)

    async def _erase_directly(self, platform: str, ids: Sequence[str]) -> None:
        """Erase comments of a platform that no topic accepts any more."""
        now = time.time_ns() // 1_000
        await self._store.write(write_batch, Batch(NO_MODEL, (), [Tombstone(platform, id, now) for id in ids]))

    async def _finish(self, erasure: LeasedErasure) -> None:
        """Delete the dead letters that name the author, and end the request."""
        letters, after = 0, 0
        while True:
            page = await self._store.read(letters_naming, erasure.author, after)
            if not await self._store.write(delete_letters, erasure.number, self._token, page.numbers):
                return
            letters += len(page.numbers)
            if page.read_to is None:
                break
            after = page.read_to
        self._ordered.pop(erasure.number, None)
        if await self._store.write(finish_erasure, erasure.number, self._token):
            log.info("erased an author's comments", request=erasure.number, dead_letters=letters)

    def _topics_of(self, platform: str) -> list[str]:
        """Return the topics that events of a platform can come from."""
        bound = [topic for topic, platforms in self._names.items() if platform in platforms]
        return bound or [topic for topic, platforms in self._names.items() if platforms == ANY_PLATFORM]
