"""The size of all texts, which each browser keeps in a cookie that liuyan.js writes."""

from collections.abc import Mapping

from starlette.requests import Request

from api.i18n import lazy_gettext

COOKIE = "text_size"
NORMAL = "normal"
SIZES: Mapping[str, str] = {
    "small": lazy_gettext("Small"),
    NORMAL: lazy_gettext("Normal"),
    "large": lazy_gettext("Large"),
}


def text_size(request: Request) -> str:
    """Return the size that the browser has chosen; NORMAL for an unknown one."""
    chosen = request.cookies.get(COOKIE, NORMAL)
    return chosen if chosen in SIZES else NORMAL
