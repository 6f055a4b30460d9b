"""Translations, numbers and times in the language and time zone of a request, based on Babel.

Msgids are English sentences. ``gettext``, ``lazy_gettext`` and ``ngettext`` translate them into the language of the
request, on pages and in REST problems. Outside a request the language is English.
"""

import functools
import io
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.dates import format_datetime, get_timezone_name
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import LazyProxy, NullTranslations, Translations
from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

# The first one is the default of pages. Msgids are in English.
LANGUAGES = ("zh", "en")
LANGUAGE_COOKIE = "language"
TIMEZONE_COOKIE = "timezone"
DEFAULT_TIMEZONE = "Asia/Shanghai"
# Browsers send fewer than ten; the rest of a longer Accept-Language header is ignored.
MAXIMUM_TAGS = 50

_locale: ContextVar[str] = ContextVar("locale", default="en")
_timezone: ContextVar[str] = ContextVar("timezone", default="UTC")


class ChooseLanguage:
    """Middleware that sets the language and time zone of each request.

    ``default`` is the language of requests that accept none of LANGUAGES.
    """

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
    """Return the cookie's language, else the most preferred of LANGUAGES in Accept-Language, else ``default``."""
    chosen = connection.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for tag in _accepted(connection.headers.get("accept-language", "")):
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return default


def timezone_of(connection: HTTPConnection) -> str:
    """Return the time zone in the browser's cookie, else the default one."""
    sent = unquote(connection.cookies.get(TIMEZONE_COOKIE, ""))
    return sent if sent in _timezones() else DEFAULT_TIMEZONE


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _accepted(header: str) -> Iterator[str]:
    """Return the language tags among the first MAXIMUM_TAGS of an Accept-Language header, most preferred first."""
    accepted = []
    for position, part in enumerate(header.split(",", MAXIMUM_TAGS)[:MAXIMUM_TAGS]):
        tag, *parameters = (one.strip() for one in part.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            continue
        if tag and weight > 0:
            accepted.append((-weight, position, tag))
    return (tag for _, _, tag in sorted(accepted))


def set_locale(locale: str) -> None:
    """Set the language of the current request. Raises ValueError if it is not in LANGUAGES."""
    if locale not in LANGUAGES:
        raise ValueError(f"Unknown language {locale!r}: use one of {', '.join(LANGUAGES)}.")
    _locale.set(locale)


def get_locale() -> str:
    """Return the language of the current request."""
    return _locale.get()


def set_timezone(name: str) -> None:
    """Set the IANA time zone of the current request. Raises ZoneInfoNotFoundError and ValueError."""
    _timezone.set(ZoneInfo(name).key)


def get_tzinfo() -> tzinfo:
    """Return the time zone of the current request."""
    return ZoneInfo(_timezone.get())


def gettext(message: str) -> str:
    """Translate a sentence into the language of the request."""
    return _translations(get_locale()).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """Translate a sentence in the form for ``count`` into the language of the request."""
    return _translations(get_locale()).ngettext(singular, plural, count)


def lazy_gettext(message: str) -> str:
    """Return a sentence that is translated whenever it is rendered, for constants of modules and classes."""
    # The proxy behaves like a string, but JSON encoders need str() of it.
    return cast("str", LazyProxy(gettext, message, enable_cache=False))


@functools.cache
def _translations(locale: str) -> NullTranslations:
    if locale != "zh":
        return NullTranslations()
    merged = Catalog(locale=locale)
    for file in catalogs():
        with file.open("rb") as source:
            for message in read_po(source, locale=locale):
                if message.id:
                    merged[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(compiled)


def catalogs() -> list[Traversable]:
    """Return the Chinese catalogs, one per subject, in merge order: later ones override earlier ones."""
    folder = files("api") / "translations" / "zh"
    return sorted((file for file in folder.iterdir() if file.name.endswith(".po")), key=lambda file: file.name)


def language_name(locale: str) -> str:
    """Return the name of a language in that language."""
    return (Locale(locale).display_name or locale).capitalize()


def timezone_name() -> str:
    """Return the name of the request's time zone in the language of the request."""
    return get_timezone_name(get_tzinfo(), locale=get_locale())


def show_number(number: float) -> str:
    """Format a number in the language of the request, such as 1,234,567."""
    return format_decimal(number, locale=get_locale())


def in_utc(time: datetime) -> datetime:
    """Convert a time to UTC; one without a zone is in the time zone of the request.

    A time that leaves the years 1 to 9999 in UTC becomes the first or the last possible time, which means the same as
    the end of a range.
    """
    aware = time if time.tzinfo else time.replace(tzinfo=get_tzinfo())
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        nearest = datetime.min if time.year == datetime.min.year else datetime.max
        return nearest.replace(tzinfo=UTC)


def show_time(time: datetime | None) -> Markup:
    """Format a time as ``<time>`` in the language and time zone of the request, or None as an em dash."""
    if time is None:
        return Markup("—")
    zone: tzinfo = get_tzinfo()
    try:
        time.astimezone(zone)
    except OverflowError:  # The time is within a day of the limits of datetime.
        zone = UTC
    words = format_datetime(time, "medium", zone, get_locale())
    return Markup('<time datetime="{}">{}</time>').format(time.isoformat(), words)
