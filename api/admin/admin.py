"""Assemble the admin app from pages, middleware and templates, and mount it into the API."""

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.admin import assets
from api.admin.errors import show_error
from api.admin.flash import KeepMessages
from api.admin.forms import CheckToken, GiveToken
from api.admin.gate import Gate
from api.admin.menu import pages
from api.admin.templating import Templates
from api.i18n import LANGUAGES, ChooseLanguage
from api.identity.identity import identify
from api.paths import MountAll
from api.services import Services
from store.errors import OUTAGES

PATH = "/admin"


def mount_admin(app: FastAPI, services: Services) -> None:
    """Mount the admin app at /admin of ``app`` and redirect / there.

    Raises SettingsError if the settings lack the secret key that signs CSRF tokens and flash messages.
    """
    app.router.routes.append(MountAll(PATH, _site(services), name="admin"))

    async def go_home(_: Request) -> Response:
        return RedirectResponse(f"{PATH}/", status_code=303)

    for path in ("/", PATH):
        app.router.routes.insert(0, Route(path, go_home, include_in_schema=False))


def _site(services: Services) -> Starlette:
    secret_key, shown = services.settings.required_secret_key(), pages()
    site = Starlette(
        routes=[*assets.routes(), *(route for page in shown for route in page.routes())],
        middleware=[
            Middleware(ChooseLanguage, default=LANGUAGES[0]),
            Middleware(KeepMessages, secret_key=secret_key),
            Middleware(GiveToken, secret_key=secret_key),
            Middleware(Gate, identify=identify, refuse=show_error),
            Middleware(CheckToken, secret_key=secret_key, refuse=show_error),
        ],
        exception_handlers=dict.fromkeys((HTTPException, *OUTAGES, Exception), show_error),
    )
    site.state.services = services
    site.state.templates = Templates([page for page in shown if page.add_to_menu])
    return site
