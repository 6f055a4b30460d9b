"""Parse records and label texts in one thread, because the event loop must stay free."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from aiokafka import ConsumerRecord

from consumer.event import CommentEvent, parse
from consumer.worker import stored_prediction
from model.labeller import Labeller, PreparedText
from store.relabel import TextPrediction
from store.relabel_runs import Range

Result = TypeVar("Result")
# A third of the processor time of a consumer that competes for the same core.
NICENESS = 5


class CommentText(NamedTuple):
    """A comment's identity and a text that it has or had."""

    platform: str
    id: str
    text: str


class LabelThread:
    """The thread and its labeller. A context manager that stops the thread on exit.

    ``topics`` maps each topic to the platforms that may publish to it. ``tokens`` limits the tokens of the texts that
    are labelled at once.
    """

    def __init__(self, labeller: Labeller, topics: Mapping[str, frozenset[str]], covered: Range, tokens: int):
        self._labeller = labeller
        self._topics = topics
        self._platforms = frozenset(covered.platforms)
        self._since, self._until = _milliseconds(covered.since), _milliseconds(covered.until)
        self._most_tokens = tokens
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="labels", initializer=_start_thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def parse(self, records: Sequence[ConsumerRecord]) -> list[CommentText]:
        """Return the different texts of the comment events in the range. Poison and tombstones have none."""
        return await self._run(lambda: self._parse(records))

    async def label(self, texts: Sequence[CommentText]) -> list[TextPrediction]:
        """Label texts."""
        return await self._run(lambda: list(self._label(texts))) if texts else []

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _parse(self, records: Sequence[ConsumerRecord]) -> list[CommentText]:
        found: dict[CommentText, None] = {}
        for record in records:
            if record.value is None or not self._covers(record.timestamp):
                continue
            event = parse(record.key, record.value, record.timestamp, self._topics.get(record.topic, frozenset()))
            if isinstance(event, CommentEvent) and (not self._platforms or event.platform in self._platforms):
                found[CommentText(event.platform, event.id, event.text)] = None
        return list(found)

    def _covers(self, timestamp: int) -> bool:
        if self._since is not None and timestamp < self._since:
            return False
        return self._until is None or timestamp < self._until

    def _label(self, texts: Sequence[CommentText]) -> Iterator[TextPrediction]:
        prepared = self._labeller.prepare([one.text for one in texts])
        predictions = (one for group in self._groups(prepared) for one in self._labeller.label(group))
        for one, prediction in zip(texts, predictions, strict=True):
            yield TextPrediction(one.platform, one.id, one.text, stored_prediction(prediction))

    def _groups(self, prepared: Sequence[PreparedText]) -> Iterator[Sequence[PreparedText]]:
        group: list[PreparedText] = []
        tokens = 0
        for one in prepared:
            if group and tokens + one.tokens > self._most_tokens:
                yield group
                group, tokens = [], 0
            group.append(one)
            tokens += one.tokens
        yield group


def _start_thread() -> None:
    """Let live consumers on the same cores run first: on Linux the priority is the calling thread's."""
    os.nice(NICENESS)


def _milliseconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp() * 1000
