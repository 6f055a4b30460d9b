"""The Jinja environment, with translations and the globals of all templates."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from api.admin.assets import asset_url, vendor_url
from api.admin.flash import take_messages
from api.admin.forms import csrf_input
from api.admin.text_size import SIZES, text_size
from api.i18n import (
    LANGUAGES,
    get_locale,
    gettext,
    language_name,
    ngettext,
    show_number,
    show_time,
    timezone_name,
)

TITLE = "留言 Liuyan"
FOLDER = Path(__file__).parent / "templates"


class Templates:
    """Renders pages; the sidebar shows the pages in ``menu`` that the client may open."""

    def __init__(self, menu: Sequence[object]) -> None:
        env = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, extensions=["jinja2.ext.i18n"])
        env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined] # jinja2.ext.i18n's
        # Keep the order of choices in JSON for scripts.
        env.policies["json.dumps_kwargs"] = {"sort_keys": False}
        env.filters |= {"time": show_time, "number": show_number}
        env.globals |= {
            "app_title": TITLE,
            "menu": menu,
            "asset": asset_url,
            "vendor": vendor_url,
            "csrf_input": csrf_input,
            "languages": LANGUAGES,
            "language_name": language_name,
            "get_locale": get_locale,
            "timezone_name": timezone_name,
            "text_size": text_size,
            "text_sizes": SIZES,
        }
        self._templates = Jinja2Templates(env=env)

    def render(self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> Response:
        """Render a template with the pending flash messages and the client's identity."""
        shown = {"messages": take_messages(request), "identity": request.state.identity, **context}
        return self._templates.TemplateResponse(request, template, shown, status_code=status)
