"""The metrics that the consumer and the API both export, and the code that updates them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from liuyan.metrics.exporter import Exporter

# Digits of a model's SHA-256 that are a label value, as in commands and on pages.
MODEL_DIGITS = 12
SAMPLE_SECONDS = 0.25


class CacheStatistics(Protocol):
    """Hits and misses of a prediction cache since it was created, and its current number of entries."""

    @property
    def hits(self) -> int:
        """Texts that the cache answered."""

    @property
    def misses(self) -> int:
        """Texts that it did not answer."""

    @property
    def size(self) -> int:
        """Entries."""


class PoolUsage(Protocol):
    """Connections of a database pool."""

    @property
    def in_use(self) -> int:
        """Connections in use."""

    @property
    def idle(self) -> int:
        """Open connections that are not in use."""

    @property
    def maximum(self) -> int:
        """The most connections that the pool opens."""


def model_label(sha256: str) -> str:
    """Return the label value of a model."""
    return sha256[:MODEL_DIGITS]


class SharedMetrics:
    """Model, prediction cache, database pool and event loop of one process."""

    def __init__(self, exporter: Exporter) -> None:
        self._model = exporter.info("liuyan_model_info")
        self._loading = exporter.gauge("liuyan_model_loading")
        self._load_failures = exporter.counter("liuyan_model_load_failures_total")
        self._cache_hits = exporter.counter("liuyan_prediction_cache_hits_total")
        self._cache_misses = exporter.counter("liuyan_prediction_cache_misses_total")
        self._cache_entries = exporter.gauge("liuyan_prediction_cache_entries")
        self._connections = exporter.gauge("liuyan_database_connections")
        self._most_connections = exporter.gauge("liuyan_database_connections_maximum")
        self._event_loop_delay = exporter.histogram("liuyan_event_loop_delay_seconds")
        self._seen_hits = self._seen_misses = 0

    def use_model(self, sha256: str, name: str, group: str = "") -> None:
        """Export the loaded model. A new model begins with an empty prediction cache."""
        self._model.info({"model": model_label(sha256), "sha256": sha256, "name": name, "group": group})
        self._seen_hits = self._seen_misses = 0

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Export that the block loads a model, and count an exception as a failure."""
        self._loading.set(1)
        try:
            with self._load_failures.count_exceptions():
                yield
        finally:
            self._loading.set(0)

    def read_cache(self, statistics: CacheStatistics) -> None:
        """Export the statistics of the prediction cache."""
        # They begin at zero again when another model is loaded.
        self._cache_hits.inc(max(0, statistics.hits - self._seen_hits))
        self._cache_misses.inc(max(0, statistics.misses - self._seen_misses))
        self._cache_entries.set(statistics.size)
        self._seen_hits, self._seen_misses = statistics.hits, statistics.misses

    async def sample(self, pool: Callable[[], PoolUsage]) -> None:
        """Measure the delay of the event loop and read the database pool four times per second, until cancelled."""
        while True:
            due = time.monotonic() + SAMPLE_SECONDS
            await asyncio.sleep(SAMPLE_SECONDS)
            self._event_loop_delay.observe(max(0.0, time.monotonic() - due))
            self._read_pool(pool())

    def _read_pool(self, usage: PoolUsage) -> None:
        self._connections.labels("in_use").set(usage.in_use)
        self._connections.labels("idle").set(usage.idle)
        self._most_connections.set(usage.maximum)
