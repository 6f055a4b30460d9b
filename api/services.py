"""The services that endpoints, pages and commands use, and the dependency that provides them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.drivers import ExplainedChange
from api.identity.observations import Observations
from api.identity.passwords import Passwords
from api.identity.provider import MetadataCache
from api.keyword_samples import KeywordSamples
from api.metrics import Metrics
from api.predictor import Predictor
from api.shared_cache import SharedCache
from liuyan.settings import Settings
from store.store import Store

# Deadline of each transaction of a request. A query takes milliseconds; an unreachable database must not block
# requests for minutes.
QUERY_SECONDS = 10


def _now() -> datetime:
    return datetime.now(UTC)


class AccountServices(Protocol):
    """The services that the account rules need. Commands provide only these."""

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings, including the keys that encrypt contacts and digest the throttle's keys."""
        ...

    @property
    def passwords(self) -> Passwords:
        """The password hasher."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock for the expiry of sessions and tokens."""
        ...


@dataclass(frozen=True, slots=True)
class CommandServices:
    """The services of an account command, without model and server."""

    store: Store
    settings: Settings
    passwords: Passwords = field(default_factory=Passwords)
    now: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one application: store, model, settings, metrics, and the clock for the expiry of sessions and
    tokens."""

    store: Store
    predictor: Predictor
    settings: Settings
    metrics: Metrics = field(kw_only=True)
    passwords: Passwords = field(default_factory=Passwords)
    now: Callable[[], datetime] = _now
    keywords: KeywordSamples = field(default_factory=KeywordSamples)
    explained: SharedCache[ExplainedChange | None] = field(default_factory=SharedCache)
    observations: Observations = field(default_factory=Observations)
    provider_metadata: MetadataCache = field(default_factory=MetadataCache)


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]
