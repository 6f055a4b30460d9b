"""What the endpoints and pages work with, and how they get it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.identity.passwords import Passwords
from api.keywords import KeywordsCache
from api.predictor import Predictor
from liuyan.settings import Settings
from store.store import Store

# The deadline of each transaction that a request makes. A query takes milliseconds; a database that is stopped or cut
# off must not hold requests for minutes.
QUERY_SECONDS = 10


def _now() -> datetime:
    return datetime.now(UTC)


class AccountServices(Protocol):
    """What the rules of accounts need; commands have no more than this."""

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings, with the keys that encrypt contacts and digest counts of attempts."""
        ...

    @property
    def passwords(self) -> Passwords:
        """What hashes and compares passwords."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock by which sessions and tokens end."""
        ...


@dataclass(frozen=True, slots=True)
class CommandServices:
    """The services of a command that changes accounts: no model and no server."""

    store: Store
    settings: Settings
    passwords: Passwords = field(default_factory=Passwords)
    now: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True)
class Services:
    """The store and the model of one app, its settings, and the clock by which sessions and tokens end."""

    store: Store
    predictor: Predictor
    settings: Settings
    passwords: Passwords = field(default_factory=Passwords)
    now: Callable[[], datetime] = _now
    words: KeywordsCache = field(default_factory=KeywordsCache)


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]
