"""Detect a server whose loaded model is not the active one, because models are loaded only at startup."""

from dataclasses import dataclass

from starlette.requests import Request

from api.admin.page import identity_of, services_of
from api.identity.roles import Role
from store.models import read_active


@dataclass(frozen=True, slots=True)
class OtherModel:
    """Names of the loaded and the active model; ``can_restart`` shows the user how to restart the server."""

    loaded: str
    active: str
    active_sha256: str
    can_restart: bool


async def other_model(request: Request) -> OtherModel | None:
    """Return the models that differ; None if the loaded model is the active one, or no model is active.

    Raises StoreError and TimeoutError.
    """
    services = services_of(request)
    active = await services.store.read(read_active)
    if active is None or active.sha256 == services.predictor.model:
        return None
    can_restart = identity_of(request).role.includes(Role.ADMIN)
    return OtherModel(services.predictor.name, active.name, active.sha256, can_restart)
