"""Label texts from asyncio: one worker thread, a bounded queue, and long requests split into slices.

The model can be replaced at any time. A request finishes with the model that it began with.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from api.metrics import Metrics
from model.labeller import CacheStatistics, Explanation, Labeller, Prediction

# Requests that may be queued at once. Each body is at most MAXIMUM_BODY, which bounds their memory.
MAXIMUM_WAITING = 32
# Texts in one slice. Other requests run between the slices of a large one, and a slice is still an efficient batch.
SLICE = 128


class BusyError(Exception):
    """The queue is full."""


class Predictor:
    """Runs the model without blocking the event loop. Concurrent requests alternate slice by slice."""

    def __init__(self, labeller: Labeller, metrics: Metrics, *, maximum_waiting: int = MAXIMUM_WAITING) -> None:
        self._metrics = metrics
        self._maximum_waiting = maximum_waiting
        self._waiting = 0
        # Labellers are not thread-safe.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._model = ModelPredictor(self, labeller)

    @property
    def model(self) -> "ModelPredictor":
        """The current model. A request gets it once, so that all of its answers come from the same one."""
        return self._model

    def use(self, labeller: Labeller) -> None:
        """Answer requests with another model from now on; those in progress finish with theirs."""
        self._model = ModelPredictor(self, labeller)

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
    def slot(self) -> Iterator[None]:
        """Count a request as waiting while the block runs. Raises BusyError."""
        if self._waiting >= self._maximum_waiting:
            raise BusyError
        self._waiting += 1
        self._metrics.predictions_waiting.set(self._waiting)
        try:
            yield
        finally:
            self._waiting -= 1
            self._metrics.predictions_waiting.set(self._waiting)

    async def explain(self, labeller: Labeller, text: str) -> Explanation:
        """Explain a text in the worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, labeller.explain, text)

    async def label(self, labeller: Labeller, texts: Sequence[str]) -> list[Prediction]:
        """Label one slice in the worker thread."""
        loop = asyncio.get_running_loop()
        predictions, cache = await loop.run_in_executor(self._worker, self._label, labeller, texts)
        for prediction in predictions:
            self._metrics.predictions.labels(prediction.label).inc()
        self._metrics.shared.read_cache(labeller.sha256, cache)
        return predictions

    def _label(self, labeller: Labeller, texts: Sequence[str]) -> tuple[list[Prediction], CacheStatistics]:
        with self._metrics.prediction_seconds.time():
            return labeller.predict(texts), labeller.cache_statistics()


class ModelPredictor:
    """Answers a request with one model, even if another one becomes active meanwhile."""

    def __init__(self, predictor: Predictor, labeller: Labeller) -> None:
        self._predictor = predictor
        self._labeller = labeller

    @property
    def sha256(self) -> str:
        """SHA-256 of the artifact."""
        return self._labeller.sha256

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self._labeller.name

    def words(self, text: str) -> list[str]:
        """Segment ``text`` into the model's words. Safe to call from any thread."""
        return self._labeller.words(text)

    async def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Return the prediction of each text, in order. Raises BusyError."""
        with self._predictor.slot():
            return [
                prediction
                for part in _slices(texts)
                for prediction in await self._predictor.label(self._labeller, part)
            ]

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
        with self._predictor.slot():
            return await self._predictor.explain(self._labeller, text)

    async def _predict_into(self, ready: "asyncio.Queue[list[Prediction] | None]", texts: Sequence[str]) -> None:
        try:
            with self._predictor.slot():
                for part in _slices(texts):
                    ready.put_nowait(await self._predictor.label(self._labeller, part))
        finally:
            ready.put_nowait(None)


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), SLICE):
        yield texts[start : start + SLICE]
