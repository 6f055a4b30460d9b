"""Error pages: the status, what happened, and what to do."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.admin.forms import OldFormError
from api.admin.templating import Templates
from api.i18n import gettext
from api.limits import BodyError
from store.errors import OUTAGES

log = structlog.get_logger(__name__)


async def show_error(request: Request, error: Exception) -> Response:
    """Render the page for an error, with the error's headers and without internal details."""
    status = error.status_code if isinstance(error, HTTPException) else _status_of(error)
    if isinstance(error, BodyError):
        title, advice = error.title, error.detail
    else:
        title, advice = error.explain() if isinstance(error, OldFormError) else _explain(status)
    templates: Templates = request.app.state.templates
    context = {"title": title, "status": status, "advice": advice}
    response = templates.render(request, "error.html", context, status=status)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _status_of(error: Exception) -> int:
    if isinstance(error, OUTAGES):
        log.warning("database unavailable", error=str(error) or "no answer in time", repeats=True)
        return 503
    log.error("request failed", error=type(error).__name__)
    return 500


def _explain(status: int) -> tuple[str, str]:
    """Return what happened and what to do."""
    return {
        403: (
            gettext("You cannot view this page"),
            gettext("This page needs another role: ask an administrator, or sign in with another account."),
        ),
        404: (gettext("Page not found"), gettext("The address is wrong, or the page was removed.")),
        503: (
            gettext("The database is not responding"),
            gettext("Nothing was changed. Try again in a few seconds."),
        ),
        500: (
            gettext("Something went wrong on the server"),
            gettext("The error was logged. Try again, and tell an administrator if it happens again."),
        ),
    }.get(status, (gettext("The request failed"), gettext("Go back, reload the page and try again.")))
