"""Detect a server that has not loaded the active model yet."""

from dataclasses import dataclass

from starlette.requests import Request

from api.admin.page import services_of
from store.models import read_active


@dataclass(frozen=True, slots=True)
class OtherModel:
    """Names of the loaded and the active model."""

    loaded: str
    active: str


async def other_model(request: Request) -> OtherModel | None:
    """Return the models that differ; None if the loaded model is the active one, or no model is active.

    Raises StoreError and TimeoutError.
    """
    services = services_of(request)
    active = await services.store.read(read_active)
    loaded = services.predictor.model
    return None if active is None or active.sha256 == loaded.sha256 else OtherModel(loaded.name, active.name)
