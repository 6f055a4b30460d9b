"""What the endpoints work with, and how they get it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from liuyan.api.predictor import Predictor
from liuyan.store.store import Store

# A query takes milliseconds; a database that is stopped or cut off must not hold requests for minutes.
QUERY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Services:
    """The store and the model of one app."""

    store: Store
    predictor: Predictor


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]
