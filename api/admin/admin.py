"""The site: starlette-admin with our pages, languages, templates and policy, mounted into the API's application."""

import hashlib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette_admin import BaseAdmin, I18nConfig, TimezoneConfig
from starlette_admin.helpers import static_url
from starlette_admin.i18n import gettext

from api.admin.forms import CheckForms, OldFormError
from api.admin.gate import Gate
from api.admin.home import HomePage
from api.admin.language import (
    DEFAULT_TIMEZONE,
    LANGUAGE_COOKIE,
    LANGUAGES,
    ChooseLanguage,
    install_translations,
    show_number,
    show_time,
)
from api.admin.menu import pages
from api.admin.security import SafeTemplates
from api.identity.identity import identify
from api.limits import BodyError
from api.paths import MountAll
from api.services import Services
from store.errors import OUTAGES

HERE = Path(str(files("api.admin")))
PLOTLY = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
PATH = "/admin"
log = structlog.get_logger(__name__)


class Site(BaseAdmin):
    """starlette-admin, with our error pages and what our templates use."""

    def _register_translations(self) -> None:
        """Ours after the library's own, which it merges for each site anew: where both have a sentence, ours counts."""
        super()._register_translations()
        install_translations()

    def _setup_templates(self) -> None:
        super()._setup_templates()
        env = self.templates.env
        env.add_extension(SafeTemplates)
        env.filters["time"] = show_time
        env.filters["number"] = show_number
        env.globals["asset"] = asset_url
        env.globals["plotly"] = plotly_url

    def _collect_core_routes(self) -> list[Route]:
        """None of the library's routes for lists and forms of its own: every page is ours, with a role of its own."""
        return []

    def _init_csrf(self) -> None:
        self.middlewares.append(Middleware(CheckForms, secret_key=str(self.secret_key), refuse=self._render_error))

    async def _render_error(self, request: Request, exc: Exception = HTTPException(500)) -> Response:
        """A page in the layout; nothing of the inside is told."""
        status = exc.status_code if isinstance(exc, HTTPException) else _status_of(exc)
        if isinstance(exc, BodyError):
            title, advice = exc.title, exc.detail
        else:
            title, advice = exc.explain() if isinstance(exc, OldFormError) else _explain(status)
        context = {"title": title, "status": status, "advice": advice}
        return self._template_response(request, "error.html", context, status_code=status)


def mount_admin(app: FastAPI, services: Services) -> None:
    """Put the admin app at /admin of ``app``, and send whoever opens the front page there.

    Raises SettingsError when the settings lack the secret that signs CSRF tokens and messages.
    """
    shown = pages()
    site = Site(
        title="留言 Liuyan",
        base_url=PATH,
        templates_dir=str(HERE / "templates"),
        static_dir=str(HERE / "static"),
        logo_url=lambda request: asset_url(request, "logo.svg"),
        favicon_url=lambda request: asset_url(request, "favicon.svg"),
        index_view=HomePage(),
        auth_provider=Gate(identify, shown),
        secret_key=services.settings.required_secret_key(),
        # The library's own knows no weights in Accept-Language and trusts the time zone's cookie: ours comes behind it.
        middlewares=[Middleware(ChooseLanguage, default=LANGUAGES[0])],
        i18n_config=I18nConfig(LANGUAGES[0], LANGUAGE_COOKIE, None, list(LANGUAGES)),
        timezone_config=TimezoneConfig(DEFAULT_TIMEZONE, timezone_cookie_name=None),
    )
    for page in shown:
        site.add_view(page)
    site.routes.insert(0, Route("/static/plotly.min.js", _plotly, name="plotly"))
    # The library checks the token of a form, which is in its body, before it asks who sent it.
    site.middlewares.sort(key=lambda one: isinstance(one.cls, type) and issubclass(one.cls, CheckForms))
    site.mount_to(app)
    app.router.routes[-1] = MountAll(PATH, site.app, name=site.route_name)
    site.app.state.services = services
    for error in (*OUTAGES, Exception):
        site.app.add_exception_handler(error, site._render_error)

    async def go_home(_: Request) -> Response:
        return RedirectResponse(f"{PATH}/", status_code=303)

    for path in ("/", PATH):
        app.router.routes.insert(0, Route(path, go_home, include_in_schema=False))


async def _plotly(_: Request) -> Response:
    return FileResponse(PLOTLY, media_type="text/javascript")


def asset_url(request: Request, path: str) -> str:
    """The address of one of our static files, with a version that changes when the file does."""
    return static_url(request, path, v=_digest(HERE / "static" / path))


def plotly_url(request: Request) -> str:
    """The address of Plotly's script, which its package carries."""
    return str(request.url_for(f"{request.app.state.ROUTE_NAME}:plotly").include_query_params(v=version("plotly")))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _status_of(error: Exception) -> int:
    if isinstance(error, OUTAGES):
        log.warning("database unavailable", reason=str(error) or "no answer in time")
        return 503
    return 500


def _explain(status: int) -> tuple[str, str]:
    """What happened, and what to do now."""
    return {
        403: (
            gettext("You may not see this page"),
            gettext("It needs another role: ask an administrator, or sign in with another account."),
        ),
        404: (gettext("There is nothing here"), gettext("The address is wrong, or what stood here was removed.")),
        503: (
            gettext("The database does not answer"),
            gettext("Nothing was changed. Try again in a few seconds."),
        ),
        500: (
            gettext("Something went wrong on our side"),
            gettext("It was logged. Try again, and tell an administrator if it happens again."),
        ),
    }.get(status, (gettext("This did not work"), gettext("Go back, load the page anew and try again.")))
