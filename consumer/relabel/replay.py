"""`liuyan consumer replay`: add a model's predictions to the comments that are stored already."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import structlog

from consumer.connection import Connection
from consumer.relabel.labels import CommentText, LabelThread
from consumer.relabel.log_source import LogSource
from consumer.relabel.pace import LagWatch
from consumer.relabel.plan import Plan, check_same_topic, plan_log
from consumer.relabel.progress import duration, report_progress
from consumer.relabel.relabeller import Relabeller
from consumer.signals import run_beside, run_until_signal
from consumer.topics import Topics
from liuyan.collector import spare_batches
from liuyan.errors import LiuyanError, UsageError
from liuyan.settings import Settings
from liuyan.terminal import write_line
from registry.artifacts import obtain_artifact
from registry.follow import load_model
from store.audit import command_actor
from store.batch import ModelRow
from store.errors import TransientStoreError
from store.models import read_active
from store.promotion import find_model
from store.ready import ready_store
from store.relabel_parts import read_log_parts
from store.relabel_runs import (
    CANCELLED,
    FINISHED,
    Range,
    RelabelRun,
    RunEndedError,
    cancel_run,
    find_unfinished,
    set_rate,
    start_run,
)
from store.relabel_work import any_stored, count_unlabelled, read_unlabelled_range
from store.store import Store
from store.types import LARGEST_NUMBER

log = structlog.get_logger(__name__)

TOPICS_SECONDS = 5.0
# Texts that a dry run labels to measure the speed.
SAMPLE = 500


class StoppedError(LiuyanError):
    """A signal stopped the replay before its end."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay, and how: at most ``rate`` records per second, 0 to remove an earlier limit, None to keep it;
    pausing while consumers lag more than ``yield_to_lag`` seconds."""

    model: str
    covered: Range
    rate: float | None
    yield_to_lag: float


async def replay(settings: Settings, options: Replay, *, by: str | None = None) -> None:
    """Replay until the range is done, and report the result.

    Raises StoppedError after SIGTERM or SIGINT, RunEndedError, UsageError, ArtifactError, and the errors of the broker
    and the store.
    """

    async def work(stop: asyncio.Event, started: asyncio.Event) -> None:
        async with ready_store(settings) as store:
            model = await _find_model(store, options)
            run = await _find_or_start(store, settings, model, options, by)
            if options.rate is not None:
                await store.write(set_rate, run.number, options.rate or None)
            with await _label_thread(store, settings, model, run.range) as labels:
                started.set()
                ended = await _work(store, settings, run, labels, stop, options.yield_to_lag)
        _report_end(model, ended)

    await run_until_signal(work)


async def cancel(settings: Settings, name: str, *, by: str | None = None) -> None:
    """Cancel the unfinished replay of a model. Raises UsageError if there is none, and the errors of the store."""
    async with ready_store(settings) as store:
        model = await store.read(find_model, name)
        run = await store.read(find_unfinished, "replay", model.number)
        if run is None:
            raise UsageError(f"Model {model.number} ({model.name}) has no unfinished replay.")
        await store.write(cancel_run, command_actor(by), run)
    write_line(f"The replay of model {model.number} ({model.name}) is cancelled. Its predictions remain.")


async def dry_run(settings: Settings, options: Replay) -> None:
    """Report the records, the comments and the time of a replay. Raises what ``replay`` raises."""
    async with ready_store(settings) as store:
        model = await _find_model(store, options)
        covered = options.covered
        plan = await _plan(store, settings, covered)
        async with store.reading(patient=True) as connection:
            comments = await count_unlabelled(connection, model.number, covered)
        if not covered.store:
            comments = min(comments, plan.records)
        speed = await _measure(store, settings, model, covered)
    seconds = comments / speed if speed else 0.0
    if options.rate:
        seconds = max(seconds, max(plan.records, comments) / options.rate)
    write_line(
        f"Would read {plan.records:,} records and label {comments:,} comments that lack the prediction of model "
        f"{model.number} ({model.name}): about {duration(seconds)} with one process on this machine."
    )
    _report_expired(plan, covered)


async def _find_model(store: Store, options: Replay) -> ModelRow:
    model = await store.read(find_model, options.model)
    name = f"Model {model.number} ({model.name})"
    if model.retired_at is not None:
        raise retired(model)
    if model.active and options.covered.log:
        raise UsageError(
            f"{name} is active: consumers label every new comment with it. To label stored comments that lack its "
            "prediction, add --store-only."
        )
    return model


def retired(model: ModelRow) -> UsageError:
    """Return the error for a retired model."""
    return UsageError(f"Model {model.number} ({model.name}) is retired. Register its artifact again to use it.")


async def _find_or_start(
    store: Store, settings: Settings, model: ModelRow, options: Replay, by: str | None
) -> RelabelRun:
    """Return the unfinished replay of this model and range, or start one."""
    run = await store.read(find_unfinished, "replay", model.number)
    if run is None:
        plan = await _plan(store, settings, options.covered)
        _report_expired(plan, options.covered)
        # A replay that cannot load its model must not begin.
        await obtain_artifact(store, model, settings)
        active = await store.read(read_active)
        compared = None if active is None else active.number
        run = await start_run(
            store, command_actor(by), "replay", model.number, options.covered, plan.parts, compared_with=compared
        )
    else:
        write_line(f"Continuing the replay that {run.started_by} started at {run.started_at:%Y-%m-%d %H:%M:%S} UTC.")
    if run.range.to_json() != options.covered.to_json():
        raise UsageError(
            f"Model {model.number} ({model.name}) has an unfinished replay of another range ({describe(run.range)}). "
            f"Finish it first, or cancel it with `liuyan consumer replay {model.number} --cancel`."
        )
    await _check_topics(store, settings, run.number)
    return run


async def _plan(store: Store, settings: Settings, covered: Range) -> Plan:
    """Plan the log pass. Raises UsageError if the range is empty."""
    plan = await plan_log(store, Connection.of(settings), settings.group, covered) if covered.log else Plan(())
    if not plan.parts and not (covered.store and await store.read(any_stored, covered)):
        raise UsageError("There is nothing to replay in this range. Check --from, --to, --topic and --platform.")
    return plan


def _report_expired(plan: Plan, covered: Range) -> None:
    if plan.expired:
        covers = "The pass over stored comments covers them" if covered.store else "--no-store leaves them out"
        write_line(f"Retention has removed {plan.expired:,} older records of the topics. {covers}.")


async def _check_topics(store: Store, settings: Settings, number: int) -> None:
    """Raise TopicError if a topic that the replay reads does not exist or was recreated."""
    parts = await store.read(read_log_parts, number)
    topics = sorted({topic for topic, _ in parts})
    admin = Topics(Connection.of(settings))
    for topic in topics:
        await admin.partitions(topic)
    ids = await admin.ids(topics)
    for (topic, _), part in parts.items():
        if part.end_position is None or part.next_position < part.end_position:
            check_same_topic(topic, part.topic_id, ids)


async def _label_thread(store: Store, settings: Settings, model: ModelRow, covered: Range) -> LabelThread:
    labeller = (await load_model(store, model, settings)).labeller
    spare_batches()
    return LabelThread(labeller, settings.topics, covered, settings.batch_tokens)


async def _work(
    store: Store, settings: Settings, run: RelabelRun, labels: LabelThread, stop: asyncio.Event, yield_to_lag: float
) -> RelabelRun:
    connection = Connection.of(settings)
    source = LogSource(connection)
    lag = LagWatch(store, connection, settings.group, list(settings.topics), yield_to_lag)
    relabeller = Relabeller(store, run, source, labels, settings.batch_records, lag=lag)
    await source.start()
    log.info("replaying", model=run.model_number, replay=run.number)
    try:
        return await run_beside(
            relabeller.work(stop),
            lag.run(),
            report_progress(store, run.number, lag),
            _follow_topics(store, settings, run.number),
        )
    finally:
        await source.stop()


async def _follow_topics(store: Store, settings: Settings, number: int) -> None:
    while True:
        await asyncio.sleep(TOPICS_SECONDS)
        with contextlib.suppress(TransientStoreError):
            await _check_topics(store, settings, number)


def _report_end(model: ModelRow, run: RelabelRun) -> None:
    name = f"model {model.number} ({model.name})"
    if run.state == CANCELLED:
        raise RunEndedError(f"The replay of {name} was cancelled.")
    compared = "" if run.compared_with is None else f", {run.flipped:,} labels differ from model {run.compared_with}"
    counts = f"{run.records:,} records and stored comments read, {run.added:,} predictions added{compared}"
    if run.state != FINISHED:
        raise StoppedError(f"The replay of {name} stopped: {counts}. Run the same command to continue it.")
    expired = f" Retention removed {run.expired:,} records before they were read." if run.expired else ""
    write_line(f"The replay of {name} is finished: {counts}.{expired}")


def describe(covered: Range) -> str:
    """Return a range in the words of the command's options."""
    parts = [] if covered.log else ["--store-only"]
    parts += [] if covered.store else ["--no-store"]
    parts += [] if covered.since is None else [f"--from {covered.since.isoformat()}"]
    parts += [] if covered.until is None else [f"--to {covered.until.isoformat()}"]
    parts += [f"--topic {topic}" for topic in covered.topics]
    parts += [f"--platform {platform}" for platform in covered.platforms]
    return " ".join(parts)


async def _measure(store: Store, settings: Settings, model: ModelRow, covered: Range) -> float:
    """Return how many stored comments per second this machine labels, or 0 if there are none."""
    query = (model.number, 0, LARGEST_NUMBER, covered, SAMPLE)
    texts = [CommentText(row.platform, row.id, row.text) for row in await store.read(read_unlabelled_range, *query)]
    if not texts:
        return 0.0
    with await _label_thread(store, settings, model, covered) as labels:
        await labels.label(texts[:10])
        begun = time.perf_counter()
        await labels.label(texts)
        return len(texts) / (time.perf_counter() - begun)
