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
        self._behind = exporter.gauge("liuyan_model_behind_seconds")
        # Hits and misses by model: while models are switched, each has a cache of its own.
        self._seen: dict[str, tuple[int, int]] = {}

    def use_model(self, sha256: str, name: str, group: str = "") -> None:
        """Export the loaded model."""
        self._model.info({"model": model_label(sha256), "sha256": sha256, "name": name, "group": group})

    def set_behind(self, seconds: float) -> None:
        """Export how long another model has been active that is not loaded yet; 0 if there is none."""
        self._behind.set(seconds)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Export that the block loads a model, and count an exception as a failure."""
        self._loading.set(1)
        try:
            with self._load_failures.count_exceptions():
                yield
        finally:
            self._loading.set(0)

    def read_cache(self, sha256: str, statistics: CacheStatistics) -> None:
        """Export the statistics of a model's prediction cache."""
        hits, misses = self._seen.get(sha256, (0, 0))
        # A model that is loaded again begins with an empty cache.
        self._cache_hits.inc(max(0, statistics.hits - hits))
        self._cache_misses.inc(max(0, statistics.misses - misses))
        self._cache_entries.set(statistics.size)
        self._seen[sha256] = statistics.hits, statistics.misses

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
