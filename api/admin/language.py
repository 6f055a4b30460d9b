"""Language and time zone of a request, and our words in starlette-admin's catalogs.

A msgid is an English sentence; ``gettext``, ``lazy_gettext`` and ``ngettext`` of ``starlette_admin.i18n`` translate it
everywhere: on pages, and in the problems of the REST API.
"""

import functools
import io
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from importlib.resources import files
from importlib.resources.abc import Traversable
from urllib.parse import unquote
from zoneinfo import available_timezones

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations
from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_admin.i18n import format_datetime, get_locale, get_tzinfo, set_locale, set_timezone, translations

# The first is what pages are written for; the cookie is the one that starlette-admin's switcher sets.
LANGUAGES = ("zh", "en")
LANGUAGE_COOKIE = "language"
TIMEZONE_COOKIE = "timezone"
DEFAULT_TIMEZONE = "Asia/Shanghai"
# Browsers send fewer than ten.
MOST_TAGS = 50


class ChooseLanguage:
    """Sets language and time zone for whatever runs inside; ``default`` is the language where nothing is asked for."""

    def __init__(self, app: ASGIApp, default: str) -> None:
        self.app = app
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            set_locale(language_of(connection, self.default))
            set_timezone(timezone_of(connection))
        await self.app(scope, receive, send)


def language_of(connection: HTTPConnection, default: str) -> str:
    """The cookie's language, else the first of ours that Accept-Language names, else ``default``."""
    chosen = connection.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for tag in _accepted(connection.headers.get("accept-language", "")):
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return default


def timezone_of(connection: HTTPConnection) -> str:
    """The time zone that the browser told in its cookie, else the default one."""
    told = unquote(connection.cookies.get(TIMEZONE_COOKIE, ""))
    return told if told in _timezones() else DEFAULT_TIMEZONE


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _accepted(header: str) -> Iterator[str]:
    """The language tags of an Accept-Language header, the most wanted first; of a long one the first MOST_TAGS."""
    wanted = []
    for place, part in enumerate(header.split(",", MOST_TAGS)[:MOST_TAGS]):
        tag, *parameters = (one.strip() for one in part.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            continue
        if tag and weight > 0:
            wanted.append((-weight, place, tag))
    return (tag for _, _, tag in sorted(wanted))


def install_translations() -> None:
    """Merge every ``translations/zh/*.po`` into the catalogs that ``gettext`` reads; the last to be merged wins."""
    target = translations["zh"]
    if not isinstance(target, Translations):
        raise TypeError("starlette-admin carries no Chinese catalog")
    for catalog in _compiled():
        target.merge(catalog)


@functools.cache
def _compiled() -> list[Translations]:
    """Our catalogs as ``gettext`` wants them; compiled once a process."""
    found = []
    for catalog in catalogs():
        compiled = io.BytesIO()
        with catalog.open("rb") as source:
            write_mo(compiled, read_po(source, locale="zh"))
        compiled.seek(0)
        found.append(Translations(compiled, domain="admin"))
    return found


def catalogs() -> list[Traversable]:
    """Our Chinese catalogs, one for each subject, in the order in which they are merged."""
    folder = files("api.admin") / "translations" / "zh"
    return sorted((file for file in folder.iterdir() if file.name.endswith(".po")), key=lambda file: file.name)


def show_number(number: float) -> str:
    """A number as the language of the request writes it: 1,234,567."""
    return format_decimal(number, locale=get_locale())


def in_utc(time: datetime) -> datetime:
    """A time in UTC; one without a zone is in the time zone of the request.

    A time that UTC moves out of the years 1 to 9999 becomes the first or the last one: as the end of a range it means
    the same.
    """
    aware = time if time.tzinfo else time.replace(tzinfo=get_tzinfo())
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        nearest = datetime.min if time.year == datetime.min.year else datetime.max
        return nearest.replace(tzinfo=UTC)


def show_time(time: datetime | None) -> Markup:
    """A ``<time>`` in the language and time zone of the request; an em dash where there is none."""
    if time is None:
        return Markup("—")
    zone: tzinfo = get_tzinfo()
    try:
        time.astimezone(zone)
    except OverflowError:  # The first and the last day that there are have no time in some zones.
        zone = UTC
    words = format_datetime(time, "medium", zone)
    return Markup('<time datetime="{}">{}</time>').format(time.isoformat(), words)
