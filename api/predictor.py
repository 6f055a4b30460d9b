"""Label texts from asyncio: one worker thread, a bounded queue, and long requests split into slices."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from api.metrics import Metrics
from model.labeller import CacheStatistics, Explanation, Labeller, Prediction, use_one_core

# Requests that may be queued at once. Each body is at most MAXIMUM_BODY, which bounds their memory.
MAXIMUM_WAITING = 32
# Texts in one slice. Other requests run between the slices of a large one, and a slice is still an efficient batch.
SLICE = 128


class BusyError(Exception):
    """The queue is full."""


class Predictor:
    """Labels texts without blocking the event loop. Concurrent requests alternate slice by slice."""

    def __init__(self, labeller: Labeller, metrics: Metrics, *, maximum_waiting: int = MAXIMUM_WAITING) -> None:
        self._labeller = labeller
        self._metrics = metrics
        self._maximum_waiting = maximum_waiting
        self._waiting = 0
        # The labeller is not thread-safe. PyTorch is limited to one core to leave the others to other processes.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="predict", initializer=use_one_core)

    @property
    def model(self) -> str:
        """SHA-256 of the loaded artifact."""
        return self._labeller.sha256

    @property
    def name(self) -> str:
        """Name of the loaded artifact."""
        return self._labeller.name

    def words(self, text: str) -> list[str]:
        """Segment ``text`` into the model's words. Safe to call from any thread."""
        return self._labeller.words(text)

    async def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Return the prediction of each text, in order. Raises BusyError."""
        with self._slot():
            return [prediction for part in _slices(texts) for prediction in await self._predict_slice(part)]

    async def predict_in_parts(self, texts: Sequence[str]) -> AsyncGenerator[list[Prediction], None]:
        """Yield predictions slice by slice, in order, as they are ready. Raises BusyError before the first slice.

        The model does not wait for the caller, so a slow caller does not occupy a slot in the queue.
        """
        ready: asyncio.Queue[list[Prediction] | None] = asyncio.Queue()
        work = asyncio.create_task(self._predict_into(ready, texts))
        try:
            while (answered := await ready.get()) is not None:
                yield answered
            await work
        finally:
            work.cancel()

    async def explain(self, text: str) -> Explanation:
        """Return the prediction of one text with the contribution of each word. Raises BusyError."""
        with self._slot():
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._labeller.explain, text)

    def close(self) -> None:
        """Stop the worker after its current slice. Queued slices are dropped."""
        self._worker.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        if self._waiting >= self._maximum_waiting:
            raise BusyError
        self._waiting += 1
        self._metrics.predictions_waiting.set(self._waiting)
        try:
            yield
        finally:
            self._waiting -= 1
            self._metrics.predictions_waiting.set(self._waiting)

    async def _predict_into(self, ready: "asyncio.Queue[list[Prediction] | None]", texts: Sequence[str]) -> None:
        try:
            with self._slot():
                for part in _slices(texts):
                    ready.put_nowait(await self._predict_slice(part))
        finally:
            ready.put_nowait(None)

    async def _predict_slice(self, part: Sequence[str]) -> list[Prediction]:
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
        self._metrics.shared.read_cache(cache)


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), SLICE):
        yield texts[start : start + SLICE]
