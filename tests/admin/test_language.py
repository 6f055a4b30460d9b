"""Tests of translations: the catalogs are complete, and requests get their language and time zone."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from starlette.requests import HTTPConnection

from api.i18n import (
    catalogs,
    get_locale,
    get_tzinfo,
    gettext,
    language_of,
    lazy_gettext,
    ngettext,
    set_locale,
    set_timezone,
    show_number,
    show_time,
    timezone_name,
    timezone_of,
)

ROOT = Path(__file__).parent.parent.parent
# The API translates the error messages of comment files.
FOLDERS = (ROOT / "api", ROOT / "liuyan" / "text_files")
KEYWORDS = {"TextFileError": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "_": None}


def sentences() -> Iterator[tuple[str, str]]:
    """Yield every msgid of code and templates with its file."""
    for pattern, method, options in (
        ("**/*.py", "python", {}),
        ("**/*.html", "jinja2.ext:babel_extract", {"newstyle_gettext": "true"}),
    ):
        for file in sorted(one for folder in FOLDERS for one in folder.glob(pattern)):
            with file.open("rb") as source:
                for _, message, _, _ in extract(method, source, KEYWORDS, (), options):
                    for one in (message,) if isinstance(message, str) else message:
                        if one:
                            yield one, str(file.relative_to(ROOT))


def constants() -> Iterator[str]:
    """Yield every string constant, because some calls of gettext pass a named constant."""
    for file in (one for folder in FOLDERS for one in folder.glob("**/*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def chinese(file: Traversable) -> dict[str, str]:
    """Return a catalog's translations by msgid; singular and plural share the single Chinese form."""
    with file.open("rb") as source:
        catalog = read_po(source, locale="zh")
    found: dict[str, str] = {}
    for message in catalog:
        if message.id:
            ids = (message.id,) if isinstance(message.id, str) else message.id
            string = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
            found |= dict.fromkeys(ids, string)
    return found


def test_every_msgid_is_translated() -> None:
    known = {id: string for file in catalogs() for id, string in chinese(file).items()}
    missing = sorted({f"{file}: {one}" for one, file in sentences() if not known.get(one)})
    assert missing == []


def test_catalogs_have_no_unused_or_conflicting_msgids() -> None:
    used = {one for one, _ in sentences()} | set(constants())
    translations: dict[str, str] = {}
    for file in catalogs():
        for id, string in chinese(file).items():
            assert id in used, f"{file.name} translates an unused msgid: {id}"
            assert translations.setdefault(id, string) == string, f"{id!r} has two translations"


def test_translations_have_the_same_placeholders() -> None:
    for file in catalogs():
        for id, string in chinese(file).items():
            fields = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
            assert Counter(fields.findall(id)) == Counter(fields.findall(string)), id


def connection(cookie: str = "", accept: str = "") -> HTTPConnection:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return HTTPConnection({"type": "http", "headers": headers, "path": "/"})


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        ("", "", "default"),
        ("", "zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        ("", "en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("", "zh;q=0.2, en;q=0.7", "en"),
        ("", "fr, de;q=0.9, en;q=0.1", "en"),
        ("", "en;q=0, zh;q=0.1", "zh"),
        ("", "fr", "default"),
        ("", "*", "default"),
        ("", "zh;q=much, en;q=0.5", "en"),
        ("language=en", "zh", "en"),
        ("language=zh", "en", "zh"),
        ("language=de", "en", "en"),
    ],
)
def test_language_comes_from_cookie_or_accept_language(cookie: str, accept: str, language: str) -> None:
    assert language_of(connection(cookie, accept), "default") == language


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [
        ("", "Asia/Shanghai"),
        ("timezone=Europe/Berlin", "Europe/Berlin"),
        ("timezone=Europe%2FBerlin", "Europe/Berlin"),
        ("timezone=/etc/passwd", "Asia/Shanghai"),
        ("timezone=../UTC", "Asia/Shanghai"),
        ("timezone=Nowhere", "Asia/Shanghai"),
    ],
)
def test_time_zone_comes_from_cookie_if_valid(cookie: str, zone: str) -> None:
    assert timezone_of(connection(cookie)) == zone


def test_limits_of_datetime_are_shown_in_every_zone() -> None:
    assert show_time(None) == "—"
    for zone in ("Asia/Shanghai", "America/New_York", "Pacific/Kiritimati"):
        set_timezone(zone)
        for time in (datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            assert f'datetime="{time.isoformat()}"' in show_time(time)


@pytest.fixture
def chinese_request() -> Iterator[None]:
    """Set the language to Chinese, and restore the previous one for later tests in this thread."""
    before = get_locale()
    set_locale("zh")
    yield
    set_locale(before)


def test_lazy_sentences_are_translated_when_rendered(chinese_request: None) -> None:
    lazy = lazy_gettext("Home")
    assert (gettext("Home"), str(lazy)) == ("首页", "首页")
    assert ngettext("%(count)s dead letter was set aside.", "%(count)s dead letters were set aside.", 1) == ngettext(
        "%(count)s dead letter was set aside.", "%(count)s dead letters were set aside.", 5
    )
    assert gettext("No catalog has this sentence.") == "No catalog has this sentence."
    set_locale("en")
    assert (gettext("Home"), str(lazy)) == ("Home", "Home")
    assert ngettext("%(count)s row", "%(count)s rows", 1) == "%(count)s row"
    assert ngettext("%(count)s row", "%(count)s rows", 5) == "%(count)s rows"


def test_numbers_and_time_zone_follow_the_language(chinese_request: None) -> None:
    set_timezone("Asia/Shanghai")
    assert (show_number(1234567), timezone_name()) == ("1,234,567", "中国时间")
    set_locale("en")
    assert (show_number(1234567), timezone_name()) == ("1,234,567", "China Time")
    assert str(get_tzinfo()) == "Asia/Shanghai"


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown language 'de': use one of zh, en"):
        set_locale("de")
