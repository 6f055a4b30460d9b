"""Read the metrics that need queries in the background, so that a scrape never waits for the database."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from api.background import RETRY_SECONDS, repeat
from api.identity.sign_in import idle_of
from api.metrics import Metrics
from api.services import Services
from liuyan.metrics.platforms import OTHER
from liuyan.metrics.shared import model_label
from store.analytics import CountFilter
from store.backup_record import last_backup
from store.corrections import audit_accuracy, corrections_by_model
from store.errors import StoreError
from store.figures import (
    QueueFigures,
    audit_queue,
    count_sessions,
    disputed_queue,
    last_hour_comments,
    missing_queue,
    uncertain_queue,
)
from store.intervals import wilson
from store.models import read_active
from store.relabel_figures import replay_figures, shadow_lags

REFRESH_SECONDS = 45.0
# The deadline of one query: with a million comments each takes well under a second.
QUERY_SECONDS = 5.0
# The model label of reviews of comments that no model had labelled.
NO_MODEL = "none"
log = structlog.get_logger(__name__)

# Values by label values, in the order in which the metric declares its labels.
Values = Mapping[tuple[str, ...], float]
Read = Callable[[Services, AsyncConnection, datetime], Awaitable[list[Values]]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A query and the gauges that it sets: ``read`` returns the values of each of ``gauges``, in order."""

    name: str
    gauges: tuple[Gauge, ...]
    read: Read


async def refresh_forever(services: Services) -> None:
    """Refresh the metrics until cancelled. Several API processes may run this; they export the same values."""

    async def work() -> float:
        return REFRESH_SECONDS if await refresh(services) else RETRY_SECONDS

    await repeat(work, log, "cannot read metrics, retrying")


async def refresh(services: Services) -> bool:
    """Read every metric once; return whether all queries succeeded. Metrics that cannot be read are removed."""
    succeeded = [await _read(services, figure) for figure in figures(services.metrics)]
    return all(succeeded)


def figures(metrics: Metrics) -> tuple[Figure, ...]:
    """Return the queries and the gauges that each sets."""
    audit = (
        metrics.audit_sample,
        metrics.audit_accuracy,
        metrics.audit_accuracy_lower,
        metrics.audit_accuracy_upper,
    )
    return (
        Figure("review queues", (metrics.queue_comments, metrics.queue_oldest_age), _queues),
        Figure("reviews", (metrics.reviews, metrics.corrections), _reviews),
        Figure("audit accuracy", audit, _audit),
        Figure("comments of the last hour", (metrics.last_hour_comments,), _last_hour),
        Figure("sessions", (metrics.sessions,), _sessions),
        Figure("backups", (metrics.backup_age, metrics.backup_target), _backups),
        Figure("missing predictions", (metrics.missing, metrics.missing_oldest_age), _missing),
        Figure("replays", (metrics.replay_done, metrics.replay_remaining, metrics.replay_comments), _replays),
        Figure("shadows", (metrics.shadow_lag,), _shadows),
    )


async def _read(services: Services, figure: Figure) -> bool:
    """Set a figure's gauges; on failure remove their values, which would look current."""
    try:
        async with asyncio.timeout(QUERY_SECONDS), services.store.reading() as connection:
            values = await figure.read(services, connection, services.now())
    except (StoreError, TimeoutError) as error:
        reason = str(error) or "no answer in time"
        log.warning("cannot read metrics, retrying", metrics=figure.name, error=reason, repeats=True)
        values = [{} for _ in figure.gauges]
        succeeded = False
    else:
        succeeded = True
    for gauge, of_gauge in zip(figure.gauges, values, strict=True):
        _export(gauge, of_gauge)
    return succeeded


def _export(gauge: Gauge, values: Values) -> None:
    """Set the values and remove all others. A scrape at any time sees either the old or the new value of each."""
    known = {tuple(sample.labels.values()) for family in gauge.collect() for sample in family.samples}
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
    for labels in known - values.keys():
        gauge.remove(*labels)


async def _queues(_: Services, connection: AsyncConnection, now: datetime) -> list[Values]:
    queues = {
        "uncertain": await uncertain_queue(connection),
        "audit": await audit_queue(connection),
        "disputed": await disputed_queue(connection),
    }
    counts: Values = {(name,): queue.comments for name, queue in queues.items()}
    return [counts, {(name,): _age(queue, now) for name, queue in queues.items()}]


def _age(queue: QueueFigures, now: datetime) -> float:
    return 0.0 if queue.waiting_since is None else max(0.0, (now - queue.waiting_since).total_seconds())


async def _reviews(_: Services, connection: AsyncConnection, __: datetime) -> list[Values]:
    found = {
        (NO_MODEL if one.model is None else model_label(one.model),): one.done
        for one in await corrections_by_model(connection, CountFilter())
    }
    reviews: Values = {model: done.reviews for model, done in found.items()}
    return [reviews, {model: done.corrections for model, done in found.items()}]


async def _audit(_: Services, connection: AsyncConnection, __: datetime) -> list[Values]:
    found = {(model_label(one.model),): one for one in await audit_accuracy(connection, CountFilter())}
    sample: dict[tuple[str, ...], float] = {model: one.judged for model, one in found.items()}
    accuracy: dict[tuple[str, ...], float] = {}
    lower: dict[tuple[str, ...], float] = {}
    upper: dict[tuple[str, ...], float] = {}
    for model, one in found.items():
        if one.judged:
            accuracy[model] = one.right / one.judged
            lower[model], upper[model] = wilson(one.right, one.judged)
    return [sample, accuracy, lower, upper]


async def _last_hour(services: Services, connection: AsyncConnection, now: datetime) -> list[Values]:
    found = await last_hour_comments(connection, now)
    named = sorted(found, key=lambda platform: (-sum(found[platform]), platform))
    named = named[: services.settings.metrics_platforms]
    values: dict[tuple[str, ...], float] = {}
    for platform, counts in found.items():
        for label, n in zip(("positive", "negative"), counts, strict=True):
            key = (platform if platform in named else OTHER, label)
            values[key] = values.get(key, 0) + n
    return [values]


async def _sessions(services: Services, connection: AsyncConnection, now: datetime) -> list[Values]:
    found = await count_sessions(connection, now, idle_of(services))
    return [{(role,): n for role, n in found.items()}]


async def _backups(services: Services, connection: AsyncConnection, now: datetime) -> list[Values]:
    last = await last_backup(connection)
    database, target = (connection.dialect.name,), services.settings.backup_target_hours * 3_600
    age: Values = {} if last is None else {database: max(0.0, (now - last).total_seconds())}
    return [age, {database: target} if target else {}]


async def _missing(_: Services, connection: AsyncConnection, now: datetime) -> list[Values]:
    active = await read_active(connection)
    if active is None:
        return [{}, {}]
    waiting, model = await missing_queue(connection), (model_label(active.sha256),)
    return [{model: waiting.comments}, {model: _age(waiting, now)}]


async def _replays(_: Services, connection: AsyncConnection, __: datetime) -> list[Values]:
    found = {(model_label(sha256),): one for sha256, one in (await replay_figures(connection)).items()}
    return [
        {model: one.done for model, one in found.items()},
        {model: one.remaining for model, one in found.items()},
        {model: one.comments for model, one in found.items()},
    ]


async def _shadows(services: Services, connection: AsyncConnection, _: datetime) -> list[Values]:
    lags = await shadow_lags(connection, services.settings.group)
    return [{(model_label(sha256),): lag for sha256, lag in lags.items()}]
