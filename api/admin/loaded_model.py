"""Whether this server answers with another model than the active one: it loads one when it starts, and keeps it."""

from dataclasses import dataclass

from starlette.requests import Request

from api.admin.page import identity_of, services_of
from api.identity.roles import Role
from store.models import read_active


@dataclass(frozen=True, slots=True)
class OtherModel:
    """The model that was loaded, and the active one by name and SHA-256; ``can_restart`` is whoever may know how."""

    loaded: str
    active: str
    active_sha256: str
    can_restart: bool


async def other_model(request: Request) -> OtherModel | None:
    """What a page warns of; None where the loaded model is the active one, or none is active yet.

    Raises StoreError and TimeoutError.
    """
    services = services_of(request)
    active = await services.store.read(read_active)
    if active is None or active.sha256 == services.predictor.model:
        return None
    can_restart = identity_of(request).role.includes(Role.ADMIN)
    return OtherModel(services.predictor.name, active.name, active.sha256, can_restart)
