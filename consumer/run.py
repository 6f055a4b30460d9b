"""`liuyan consumer run`: start all parts in order, wait for a signal or an error, stop them in order."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from consumer.author_erasures import AuthorErasures
from consumer.batcher import Batcher, Limits
from consumer.circuit_breaker import CircuitBreaker
from consumer.connection import Connection
from consumer.expiry import CONSUMER, expire_dead_letters
from consumer.linger import Linger
from consumer.metrics import ConsumerMetrics
from consumer.missing import MissingPredictions
from consumer.monitor import Monitor
from consumer.offsets import Offsets
from consumer.outbox import Outbox
from consumer.pipeline import Pipeline
from consumer.signals import run_until_signal
from consumer.source import Source
from consumer.topics import BrokerError, Topics
from consumer.unbound_topics import ADVICE, UnboundTopics
from consumer.worker import PreparedRecord, Worker
from consumer.writer import Writer
from liuyan.collector import spare_batches
from liuyan.health import bind, serve_health
from liuyan.settings import Settings
from model.errors import ArtifactError
from registry.follow import LoadedModel, ModelFollower, load_active
from registry.register import offer_shipped
from store.database_roles import Role
from store.errors import StoreError
from store.faults import is_connection_lost
from store.grants import check_grants
from store.store import Store

log = structlog.get_logger(__name__)

WRITE_DRAIN_SECONDS = 10.0
# Stopping takes at most 20 s: draining batches, committing offsets to Kafka, leaving the group, and an administration
# request, which runs in a thread and cannot be cancelled.
DRAIN_SECONDS = 8.0
LEAVE_SECONDS = 3.0
ADMINISTRATION_SECONDS = 5.0
START_RETRY_DELAYS_SECONDS = (0.1, 0.5, 1.0, 2.0, 4.0)
Result = TypeVar("Result")


async def run_consumer(settings: Settings) -> None:
    """Consume until SIGTERM or SIGINT.

    Raises LiuyanError if a dependency is missing at the start or fails permanently.
    """
    await run_until_signal(lambda stop, started: _consume(settings, stop=stop, started=started))
    log.info("stopped")


async def _consume(settings: Settings, *, stop: asyncio.Event, started: asyncio.Event) -> None:
    """Open all parts in order and run until ``stop``; set ``started`` once there may be batches to drain."""
    metrics = ConsumerMetrics(settings.metrics_platforms)
    topics = Topics(Connection.of(settings), timeout=ADMINISTRATION_SECONDS)
    url, erasure_keys = settings.required_database_url(), settings.required_erasure_keys()
    lock_wait, share = settings.lock_wait_seconds, settings.audit_share
    async with Store.open(url, lock_wait_seconds=lock_wait, audit_share=share) as store:
        # Run fast checks first: loading the model takes seconds. Check the database, which fails at once, before
        # Kafka, whose client takes seconds to report an unreachable broker.
        await _retry_lost_connection(store.check_ready)
        await _retry_lost_connection(lambda: store.read(check_grants, Role.CONSUMER))
        await _retry_lost_connection(lambda: store.check_ready(*erasure_keys))
        await _check_topics(topics, settings.topics)
        with contextlib.closing(bind(settings.consumer_address)) as listener:
            loaded = await _retry_lost_connection(lambda: load_active(store, settings, metrics.shared))
            await _offer_shipped(store)

            def use(model: LoadedModel) -> None:
                metrics.use_model(model.row, settings.group)

            use(loaded)
            models = ModelFollower(store, settings, loaded, metrics.shared, use)
            del loaded  # The follower keeps it until it is replaced.
            spare_batches()
            unbound_topics = UnboundTopics(settings.topics)
            worker = Worker(
                models.loaded,
                group=settings.group,
                topics=settings.topics,
                circuit_breaker=CircuitBreaker(settings.poison_share, settings.poison_window),
                metrics=metrics,
                unbound_topics=unbound_topics,
            )
            with worker:
                running = _Running(settings, store, topics, worker, metrics, models, unbound_topics)
                await running.run(listener, stop, started)


async def _offer_shipped(store: Store) -> None:
    """After an upgrade that ships a new model, register it for people to compare and promote."""
    try:
        offered = await offer_shipped(store, CONSUMER)
    except (ArtifactError, StoreError, OSError) as error:
        log.warning("cannot register the shipped model, the next start tries again", error=str(error))
        return
    if offered is not None:
        log.info("registered the shipped model as a candidate", number=offered.number, model=offered.name)


async def _retry_lost_connection(query: Callable[[], Awaitable[Result]]) -> Result:
    """Retry if the database drops the connection; raise at once if it is unreachable."""
    for seconds in START_RETRY_DELAYS_SECONDS:
        try:
            return await query()
        except StoreError as error:
            if not is_connection_lost(error):
                raise
            log.warning("database connection lost, retrying", error=str(error), seconds=seconds)
        await asyncio.sleep(seconds)
    return await query()


async def _check_topics(topics: Topics, names: Iterable[str]) -> None:
    for name in names:
        await topics.partitions(name)


class _Running:
    """The parts of a running consumer, started and stopped in order."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        topics: Topics,
        worker: Worker,
        metrics: ConsumerMetrics,
        models: ModelFollower,
        unbound_topics: UnboundTopics,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._dead_letter_days = settings.dead_letter_days
        self._names = list(settings.topics)
        self._source = Source(
            Connection.of(settings),
            settings.group,
            drain=self._drain,
            count_rebalance=metrics.rebalances.inc,
            session_timeout_seconds=settings.session_timeout_seconds,
        )
        self._offsets = offsets = Offsets(store, self._source, topics, group=settings.group, metrics=metrics)
        batcher = Batcher[PreparedRecord](Limits(settings.batch_records, settings.batch_tokens, settings.batch_bytes))
        self._pipeline = Pipeline(
            self._source,
            worker,
            offsets,
            batcher,
            Linger(settings.latency_milliseconds / 1000),
            metrics,
            models,
            settings.model_grace_seconds,
            lambda is_current: Writer(store, metrics, is_current),
        )
        self._monitor = Monitor(
            self._pipeline,
            self._source,
            offsets,
            store,
            topics,
            metrics,
            group=settings.group,
            topics=self._names,
            models=models,
            stuck_seconds=settings.stuck_seconds,
            unbound_topics=unbound_topics,
        )
        self._unbound_topics = unbound_topics
        self._outbox = Outbox(store, Connection.of(settings), self._names, settings.required_erasure_keys()[0], metrics)
        self._erasures = AuthorErasures(store, topics, settings.topics, settings.group)
        self._missing = MissingPredictions(store, worker, metrics)
        self._models = models
        self._group = settings.group

    async def run(self, listener: socket.socket, stop: asyncio.Event, started: asyncio.Event) -> None:
        """Run until ``stop`` is set, or raise the error of the first task that fails. ``listener`` serves health."""
        health = serve_health(
            listener,
            alive=self._monitor.alive,
            ready=self._monitor.ready,
            registry=self._metrics.registry,
        )
        try:
            async with health as address:
                await self._source.start(self._names)
                model = self._models.loaded.row.sha256[:12]
                log.info("consuming", topics=self._names, group=self._group, model=model, health=address)
                for topic in self._unbound_topics.names:
                    log.warning("every platform may publish to a topic", topic=topic, advice=ADVICE)
                started.set()
                try:
                    await self._work(stop)
                except BrokerError:
                    await self._uncount_starts()
                    raise
                # Any other error may have been caused by a record, so the start remains counted as a crash.
                await self._uncount_starts()
        finally:
            await self._leave()

    async def _work(self, stop: asyncio.Event) -> None:
        reader = asyncio.create_task(self._pipeline.read(), name="reader")
        coroutines = {
            "labeller": self._pipeline.label(),
            "writer": self._pipeline.write(),
            "report": self._monitor.report(),
            "offsets": self._monitor.commit_offsets(),
            "rows": self._monitor.follow_rows(),
            "topics": self._monitor.follow_topics(),
            "dead letters": self._monitor.follow_dead_letters(),
            "expiry": expire_dead_letters(self._store, self._dead_letter_days),
            "samples": self._metrics.shared.sample(self._store.pool_usage),
            "outbox": self._outbox.run(),
            "erasures": self._erasures.run(),
            "models": self._models.run(),
            "missing": self._missing.run(),
        }
        others = [asyncio.create_task(coroutine, name=name) for name, coroutine in coroutines.items()]
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
        """Stop reading and drain open batches; those not stored in time are rolled back."""
        log.info("stopping, finishing open batches")
        reader.cancel()
        await asyncio.wait([reader])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pipeline.drain(), DRAIN_SECONDS)

    async def _drain(self) -> None:
        """Wait for the current write before partitions are revoked."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pipeline.writer_idle.wait(), WRITE_DRAIN_SECONDS)
        await self._uncount_starts()

    async def _uncount_starts(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._offsets.crash_loops.leave(), LEAVE_SECONDS)

    async def _leave(self) -> None:
        """Commit offsets for lag tools and leave the group. aiokafka may raise CancelledError after it has left."""
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._monitor.commit(), LEAVE_SECONDS)
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._source.stop(), LEAVE_SECONDS)
