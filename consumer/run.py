"""`liuyan consumer run`: starts everything in order, waits for a signal or a fault, ends everything in order."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from consumer.batcher import Batcher, Limits
from consumer.circuit_breaker import CircuitBreaker
from consumer.connection import Connection
from consumer.metrics import ConsumerMetrics
from consumer.monitor import ModelChangedError, Monitor
from consumer.offsets import Offsets
from consumer.outbox import Outbox
from consumer.pipeline import Pipeline
from consumer.source import Source
from consumer.topics import BrokerError, Topics
from consumer.worker import PreparedRecord, Worker
from consumer.writer import Writer
from liuyan.health import bind, serve_health
from liuyan.settings import Settings
from model.artifact import find_artifact
from model.labeller import Labeller, load_labeller
from store.batch import ModelRow
from store.errors import StoreError
from store.faults import is_connection_lost
from store.models import read_active, register_model
from store.store import Store

log = structlog.get_logger(__name__)

WRITE_DRAIN_SECONDS = 10.0
# An end takes 20 s at most: the batch in hand, telling Kafka, leaving the group, and a question to the broker that runs
# in a thread and cannot be taken back.
DRAIN_SECONDS = 8.0
LEAVE_SECONDS = 3.0
ADMINISTRATION_SECONDS = 5.0
START_WAITS_SECONDS = (0.1, 0.5, 1.0, 2.0, 4.0)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which model this consumer runs, and in which group: a shadow reads everything again, in a group of its own."""

    model: ModelRow
    group: str
    shadow: bool


async def run_consumer(settings: Settings, *, model_path: Path | None, shadow: bool) -> None:
    """Consume until SIGTERM or SIGINT.

    Raises LiuyanError with one sentence when something is not there at the start, or will not come back.
    """
    stop, begun = asyncio.Event(), asyncio.Event()
    consuming = asyncio.create_task(_consume(settings, model_path, shadow=shadow, stop=stop, begun=begun))

    def end() -> None:
        stop.set()
        if not begun.is_set():
            # Nothing is in hand yet, and a server that is away may keep the start waiting for long.
            consuming.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    await asyncio.wait([consuming])
    if not (consuming.cancelled() and stop.is_set()):
        consuming.result()
    log.info("stopped")


async def _consume(
    settings: Settings, model_path: Path | None, *, shadow: bool, stop: asyncio.Event, begun: asyncio.Event
) -> None:
    """Open everything in order and work until ``stop``; ``begun`` is set when there is work that must be finished."""
    metrics = ConsumerMetrics()
    topics = Topics(Connection.of(settings), timeout=ADMINISTRATION_SECONDS)
    url, erasure_key = settings.required_database_url(), settings.required_erasure_key()
    waits, share = settings.lock_wait_seconds, settings.audit_share
    async with Store.open(url, lock_wait_seconds=waits, audit_share=share) as store:
        # What takes no time to find wrong is looked at before the model is loaded, which takes seconds; and the
        # database, which answers or refuses at once, before Kafka, whose client gives up on a broker after seconds.
        await _patiently(lambda: store.check_ready(erasure_key))
        await _check_topics(topics, settings.topics)
        path = model_path or await _patiently(lambda: _find_model(store, settings))
        with contextlib.closing(bind(settings.consumer_address)) as listener:
            labeller = await asyncio.to_thread(load_labeller, path, answer_cache_size=settings.answer_cache_size)
            identity = await _patiently(lambda: identify(store, labeller, settings.group, shadow=shadow))
            # The vocabulary and PyTorch live as long as we do: the garbage collector need not look at them each time.
            gc.freeze()
            worker = Worker(
                labeller,
                model=identity.model.number,
                group=identity.group,
                topics=settings.topics,
                brake=CircuitBreaker(settings.poison_share, settings.poison_window),
                metrics=metrics,
            )
            with worker:
                await _Running(settings, store, topics, worker, metrics, identity).run(listener, stop, begun)


async def _patiently(question: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask a database again that ended the session in the middle; one that is not there is told at once."""
    for seconds in START_WAITS_SECONDS:
        try:
            return await question()
        except StoreError as error:
            if not is_connection_lost(error):
                raise
            log.warning("the database broke off, trying again", error=str(error), seconds=seconds)
        await asyncio.sleep(seconds)
    return await question()


async def _find_model(store: Store, settings: Settings) -> Path | None:
    """The folder of the active model's artifact; None, the shipped one, when no model is active yet."""
    active = await store.read(read_active)
    return None if active is None else find_artifact(active.sha256, settings.models_dir)


async def identify(store: Store, labeller: Labeller, group: str, *, shadow: bool) -> Identity:
    """Find our model's row, registering it when no model is there yet. Raises ModelChangedError."""
    row = await register_model(
        store,
        labeller.sha256,
        labeller.name,
        labeller.uncertain_low,
        labeller.uncertain_high,
        activate_if_first=not shadow,
    )
    if shadow:
        return Identity(row, f"{group}-shadow-{row.sha256[:8]}", shadow=True)
    if not row.active:
        raise ModelChangedError(
            f"Model {row.sha256[:12]} ({row.name}) is not the active one: start with `--model` of the active artifact, "
            "or with `--shadow` to label beside it."
        )
    return Identity(row, group, shadow=False)


async def _check_topics(topics: Topics, names: Iterable[str]) -> None:
    for name in names:
        await topics.partitions(name)


class _Running:
    """The parts of one running consumer, and the order in which they begin and end."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        topics: Topics,
        worker: Worker,
        metrics: ConsumerMetrics,
        identity: Identity,
    ) -> None:
        self._metrics = metrics
        self._names = list(settings.topics)
        self._source = Source(
            Connection.of(settings),
            identity.group,
            drain=self._drain,
            count_rebalance=metrics.rebalances.inc,
            session_timeout_seconds=settings.session_timeout_seconds,
        )
        self._positions = positions = Offsets(
            store, self._source, topics, group=identity.group, model=identity.model.number, metrics=metrics
        )
        batcher = Batcher[PreparedRecord](
            Limits(
                settings.batch_records,
                settings.batch_padded_tokens,
                settings.batch_bytes,
                settings.batch_age_milliseconds / 1000,
            )
        )
        self._pipeline = Pipeline(
            self._source,
            worker,
            positions,
            batcher,
            metrics,
            lambda wanted: Writer(store, metrics, wanted),
        )
        self._monitor = Monitor(
            self._pipeline,
            self._source,
            positions,
            store,
            topics,
            metrics,
            group=identity.group,
            topics=self._names,
            active_sha256=None if identity.shadow else identity.model.sha256,
            stuck_seconds=settings.stuck_seconds,
        )
        self._outbox = Outbox(store, Connection.of(settings), self._names, settings.required_erasure_key(), metrics)
        self._identity = identity

    async def run(self, listener: socket.socket, stop: asyncio.Event, begun: asyncio.Event) -> None:
        """Work until ``stop`` is set or something cannot go on, whose error is raised. ``listener`` is for health."""
        health = serve_health(
            listener,
            alive=self._monitor.alive,
            ready=self._monitor.ready,
            registry=self._metrics.registry,
        )
        try:
            async with health as address:
                await self._source.start(self._names)
                model = self._identity.model.sha256[:12]
                log.info("consuming", topics=self._names, group=self._identity.group, model=model, health=address)
                begun.set()
                try:
                    await self._work(stop)
                except (BrokerError, ModelChangedError):
                    await self._uncount_starts()
                    raise
                # Any other error may come from a record: it counts as a crash.
                await self._uncount_starts()
        finally:
            await self._leave()

    async def _work(self, stop: asyncio.Event) -> None:
        reader = asyncio.create_task(self._pipeline.read(), name="reader")
        works = {
            "labeller": self._pipeline.label(),
            "writer": self._pipeline.write(),
            "report": self._monitor.report(),
            "offsets": self._monitor.commit_offsets(),
            "rows": self._monitor.follow_rows(),
            "topics": self._monitor.follow_topics(),
            "letters": self._monitor.follow_dead_letters(),
        }
        if not self._identity.shadow:  # A shadow reads only.
            works["outbox"] = self._outbox.run()
        others = [asyncio.create_task(work, name=name) for name, work in works.items()]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        tasks = [reader, *others, stopped]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if done == {stopped}:
                await self._finish(reader)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    async def _finish(self, reader: "asyncio.Task[None]") -> None:
        """Take nothing new, and give the batches in hand time to be stored; what is not by then is rolled back."""
        log.info("stopping: the batch in hand is finished")
        reader.cancel()
        await asyncio.wait([reader])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pipeline.drain(), DRAIN_SECONDS)

    async def _drain(self) -> None:
        """Before partitions are given up: let the batch that is being written end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pipeline.idle.wait(), WRITE_DRAIN_SECONDS)
        await self._uncount_starts()

    async def _uncount_starts(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._positions.crash_loops.leave(), LEAVE_SECONDS)

    async def _leave(self) -> None:
        """Commit for lag tools, leave the group. aiokafka's stop may be cancelled from within: it has left then too."""
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._monitor.commit(), LEAVE_SECONDS)
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._source.stop(), LEAVE_SECONDS)
