"""Forms that came from elsewhere, or from a page of another day, are refused with a page that says what to do."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp
from starlette_admin.i18n import gettext
from starlette_admin.security.csrf import CSRFMiddleware


class OldFormError(HTTPException):
    """A form came without the token that our pages hold, or with another one."""

    def __init__(self) -> None:
        super().__init__(403)

    def explain(self) -> tuple[str, str]:
        """What happened, and what to do now."""
        return (
            gettext("This form is too old"),
            gettext("Nothing was changed. Go back, load the page anew and send it again."),
        )


class ForeignFormError(OldFormError):
    """The browser says that a page of another site sent a form."""

    def explain(self) -> tuple[str, str]:
        """What happened, and what to do now."""
        return (
            gettext("Another site sent this request: it is not done."),
            gettext("If you meant to do this, open the page here and do it again. If not, all is well."),
        )


class CheckForms(CSRFMiddleware):
    """starlette-admin's check, whose own refusal is a line of plain text in English."""

    def __init__(
        self, app: ASGIApp, secret_key: str, refuse: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        super().__init__(app, secret_key)
        self._refuse = refuse

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """What the app answers, or the refusal as a page."""
        response = await super().dispatch(request, call_next)
        # What the app answers comes as a stream: a plain text is the library's own refusal.
        return await self._refuse(request, OldFormError()) if isinstance(response, PlainTextResponse) else response
