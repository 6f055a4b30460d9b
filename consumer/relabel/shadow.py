"""`liuyan consumer run --shadow MODEL`: label live traffic with another model, behind the live group."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from consumer.connection import Connection
from consumer.relabel.labels import LabelThread
from consumer.relabel.log_source import LogSource
from consumer.relabel.pace import now
from consumer.relabel.relabeller import Relabeller
from consumer.relabel.replay import retired
from consumer.signals import run_beside, run_until_signal
from consumer.topics import BrokerError, Topics
from liuyan.collector import spare_batches
from liuyan.health import Check, bind, serve_health
from liuyan.metrics.exporter import Exporter
from liuyan.metrics.process import PROCESS, SHARED
from liuyan.metrics.shared import SharedMetrics
from liuyan.reachable import Reachable
from liuyan.settings import Settings
from liuyan.terminal import write_line
from model.labeller import Labeller
from registry.follow import load_model
from store.audit import command_actor
from store.batch import ModelRow
from store.models import read_active
from store.partitions import read_partitions
from store.promotion import find_model
from store.ready import database_reachable, ready_store
from store.relabel_parts import LogPart, read_log_parts
from store.relabel_runs import FINISHED, Range, RelabelRun, find_last, find_unfinished, start_run
from store.relabel_work import follow_live
from store.store import Store

log = structlog.get_logger(__name__)


async def run_shadow(settings: Settings, name: str) -> None:
    """Label live traffic with a model until SIGTERM or SIGINT, or until that model is active.

    Raises UsageError, RunEndedError if the model is retired, ArtifactError, and the errors of the broker and the store.
    """

    async def work(stop: asyncio.Event, started: asyncio.Event) -> None:
        async with ready_store(settings) as store:
            model = await store.read(find_model, name)
            if model.retired_at is not None:
                raise retired(model)
            for topic in settings.topics:
                await Topics(Connection.of(settings)).partitions(topic)
            run = await _find_or_start(store, settings, model)
            if run is None:
                write_line(f"Model {model.number} ({model.name}) is active and has no shadow to finish.")
                return
            with contextlib.closing(bind(settings.consumer_address)) as listener:
                await _run(store, settings, model, run, listener, stop, started)

    await run_until_signal(work)
    log.info("stopped")


async def _find_or_start(store: Store, settings: Settings, model: ModelRow) -> RelabelRun | None:
    """Return the shadow of a model: its unfinished one, or a new one unless the model is active.

    A new one begins where the last one ended, so that nothing between them is left out; the first begins at the live
    group's stored offsets.
    """
    run = await store.read(find_unfinished, "shadow", model.number)
    if run is not None or model.active:
        return run
    last = await store.read(find_last, "shadow", model.number)
    live = await store.read(read_partitions, settings.group, list(settings.topics))
    ended = {} if last is None else await store.read(read_log_parts, last.number)
    parts = []
    for key, state in sorted(live.items()):
        before = ended.get(key)
        resumes = before is not None and before.topic_id == state.topic_id
        position = before.next_position if before is not None and resumes else state.next_offset
        parts.append(LogPart(*key, state.topic_id, position, None))
    active = await store.read(read_active)
    compared = None if active is None else active.number
    covered = Range(store=False, topics=tuple(sorted(settings.topics)))
    return await start_run(store, command_actor(None), "shadow", model.number, covered, parts, compared_with=compared)


async def _run(
    store: Store,
    settings: Settings,
    model: ModelRow,
    run: RelabelRun,
    listener: socket.socket,
    stop: asyncio.Event,
    started: asyncio.Event,
) -> None:
    registry = CollectorRegistry()
    metrics = SharedMetrics(Exporter((*SHARED, *PROCESS), registry))
    with metrics.loading():
        labeller = (await load_model(store, model, settings)).labeller
    # Without a group: alerts about the models of a group are not about shadows.
    metrics.use_model(model.sha256, model.name)
    spare_batches()
    topics = list(settings.topics)
    source = LogSource(Connection.of(settings))
    ends = LiveEnds(store, run, settings.group, topics)
    with LabelThread(labeller, settings.topics, run.range, settings.batch_tokens) as labels:
        relabeller = Relabeller(store, run, source, labels, settings.batch_records, ends=ends)
        health = ShadowHealth(store, Topics(Connection.of(settings)), topics, relabeller, settings.stuck_seconds)
        serving = serve_health(listener, alive=health.alive, ready=health.ready, registry=registry)
        await source.start()
        try:
            async with serving as address:
                log.info("shadowing", topics=topics, model=model.sha256[:12], health=address)
                started.set()
                ended = await run_beside(
                    relabeller.work(stop), metrics.sample(store.pool_usage), _read_cache(metrics, labeller)
                )
        finally:
            await source.stop()
    if ended.state == FINISHED:
        write_line(
            f"Model {model.number} ({model.name}) is active. The shadow has ended: {ended.added:,} predictions added."
        )


async def _read_cache(metrics: SharedMetrics, labeller: Labeller) -> None:
    while True:
        metrics.read_cache(labeller.sha256, labeller.cache_statistics())
        await asyncio.sleep(1)


class LiveEnds:
    """The live group's stored offsets. Follows added partitions, recreated topics and the promotion of the model."""

    def __init__(self, store: Store, run: RelabelRun, group: str, topics: Sequence[str]) -> None:
        self._store = store
        self._run = run
        self._group = group
        self._topics = topics

    async def follow(self) -> Mapping[tuple[str, int], int]:
        """Return the stored offsets by topic and partition. Raises TransientStoreError and CommitUnknownError.

        Once the model is active, they become the ends of the shadow: consumers label later comments with the model.
        """
        # Before the offsets: those read afterwards cover every batch of the previous model.
        active = await self._store.read(read_active)
        promoted = active is not None and active.number == self._run.model_number
        live = await self._store.read(read_partitions, self._group, self._topics)
        parts = await self._store.read(read_log_parts, self._run.number)
        changed = any(key not in parts or parts[key].topic_id != state.topic_id for key, state in live.items())
        if changed or (promoted and any(part.end_position is None for part in parts.values())):
            await self._store.write(follow_live, self._run.number, live, ends=promoted)
        return {key: state.next_offset for key, state in live.items()}


class ShadowHealth:
    """Answer /livez and /readyz of a shadow."""

    def __init__(
        self, store: Store, broker: Topics, topics: Sequence[str], relabeller: Relabeller, stuck_seconds: float
    ) -> None:
        self._relabeller = relabeller
        self._stuck_seconds = stuck_seconds
        self._database = database_reachable(store)
        self._kafka = Reachable("kafka", "Kafka", lambda: broker.ends(topics), outages=(BrokerError,))

    async def alive(self) -> Sequence[Check]:
        """Check that the shadow is not stalled."""
        lag, seconds = self._relabeller.lag(), now() - self._relabeller.progressed_at
        detail = f"{lag} records behind the consumers, last progress {seconds:.0f} s ago."
        return [Check("progress", not (lag and seconds > self._stuck_seconds), detail)]

    async def ready(self) -> Sequence[Check]:
        """Check that database and Kafka are reachable."""
        checks: Any = await asyncio.gather(self._database.check(), self._kafka.check())
        return list(checks)
