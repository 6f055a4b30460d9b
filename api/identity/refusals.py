"""Record refused requests in the audit log."""

from http import HTTPStatus

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.identity.identity import Identity
from api.identity.observations import Observation, anonymous
from api.services import Services
from store.errors import OUTAGES

log = structlog.get_logger(__name__)


class RecordRefusals:
    """Middleware that records every response with status 403."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def noticing_send(message: Message) -> None:
            nonlocal refused
            refused = refused or (
                message["type"] == "http.response.start" and message["status"] == HTTPStatus.FORBIDDEN
            )
            await send(message)

        await self.app(scope, receive, noticing_send)
        if refused:
            await _record(scope)


async def _record(scope: Scope) -> None:
    services: Services = scope["app"].state.services
    identity: Identity | None = scope.get("state", {}).get("identity")
    address = scope["client"][0][:64] if scope.get("client") else None
    actor = anonymous(address) if identity is None else identity.actor
    # The template instead of the path, which may contain the id of a comment.
    route = scope.get("template") or getattr(scope.get("route"), "path_format", "other")
    subject = str(actor.user_number or address)
    observed = Observation("request.refused", "route", f"{scope['method'][:16]} {route}", subject)
    try:
        await services.observations.record(services.store, actor, observed)
    except OUTAGES as error:
        # The response is already sent.
        log.warning("cannot record a refused request", error=str(error), repeats=True)
