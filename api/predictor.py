"""The model behind an asyncio door: one worker thread, a bounded line before it, long requests cut into slices."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from api.metrics import Metrics
from model.labeller import CacheStatistics, Explanation, Labeller, Prediction, use_one_core

# Requests that may wait at once. Each is at most a body of MAXIMUM_BODY, which bounds the memory that waits.
MAXIMUM_WAITING = 32
# Texts in one turn of the worker: a large request lets others go between its slices, and is still a good batch.
SLICE = 128


class BusyError(Exception):
    """As many requests wait as may."""


class Predictor:
    """Labels texts without ever blocking the event loop; requests take turns, slice by slice."""

    def __init__(self, labeller: Labeller, metrics: Metrics, *, maximum_waiting: int = MAXIMUM_WAITING) -> None:
        self._labeller = labeller
        self._metrics = metrics
        self._maximum_waiting = maximum_waiting
        self._waiting = 0
        # The labeller belongs to one thread, and PyTorch to one core: the rest of the machine is not ours.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="predict", initializer=use_one_core)
        self._seen = CacheStatistics(0, 0, 0)

    @property
    def model(self) -> str:
        """SHA-256 of the artifact that answers."""
        return self._labeller.sha256

    @property
    def name(self) -> str:
        """What the artifact is called."""
        return self._labeller.name

    def words(self, text: str) -> list[str]:
        """The words that the model reads ``text`` as; from any thread."""
        return self._labeller.words(text)

    async def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """The model's answer to each text, in order. Raises BusyError."""
        with self._place():
            return [prediction for part in _slices(texts) for prediction in await self._answer(part)]

    async def predict_in_parts(self, texts: Sequence[str]) -> AsyncGenerator[list[Prediction], None]:
        """The same, slice by slice as they are ready. Raises BusyError before the first.

        The model waits for nobody: a reader that takes its time keeps no place in the line.
        """
        ready: asyncio.Queue[list[Prediction] | None] = asyncio.Queue()
        work = asyncio.create_task(self._answer_into(ready, texts))
        try:
            while (answered := await ready.get()) is not None:
                yield answered
            await work
        finally:
            work.cancel()

    async def explain(self, text: str) -> Explanation:
        """The model's answer to one text, with what each word contributed to it. Raises BusyError."""
        with self._place():
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._labeller.explain, text)

    def close(self) -> None:
        """End the worker; a slice in hand is finished, waiting ones are dropped."""
        self._worker.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self._waiting >= self._maximum_waiting:
            raise BusyError
        self._waiting += 1
        self._metrics.predictions_waiting.set(self._waiting)
        try:
            yield
        finally:
            self._waiting -= 1
            self._metrics.predictions_waiting.set(self._waiting)

    async def _answer_into(self, ready: "asyncio.Queue[list[Prediction] | None]", texts: Sequence[str]) -> None:
        try:
            with self._place():
                for part in _slices(texts):
                    ready.put_nowait(await self._answer(part))
        finally:
            ready.put_nowait(None)

    async def _answer(self, part: Sequence[str]) -> list[Prediction]:
        loop = asyncio.get_running_loop()
        answered, cache = await loop.run_in_executor(self._worker, self._label, part)
        self._count(answered, cache)
        return answered

    def _label(self, texts: Sequence[str]) -> tuple[list[Prediction], CacheStatistics]:
        with self._metrics.prediction_seconds.time():
            return self._labeller.predict(texts), self._labeller.cache_statistics()

    def _count(self, predictions: Sequence[Prediction], cache: CacheStatistics) -> None:
        for prediction in predictions:
            self._metrics.predictions.labels(prediction.label).inc()
        self._metrics.answers_cached.inc(cache.hits - self._seen.hits)
        self._seen = cache


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), SLICE):
        yield texts[start : start + SLICE]
