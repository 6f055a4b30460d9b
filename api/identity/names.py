"""Validate account names: the characters are few, so that no name looks like another one."""

import re
import unicodedata
from http import HTTPStatus

from api.i18n import gettext
from api.problems import ProblemError
from store.accounts import NAME_AT_MOST

# Chinese characters, but not their compatibility forms, which NFC replaces. Other scripts have letters that look like
# Latin ones, and characters that are invisible.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
NAME = re.compile(f"[A-Za-z0-9{_HAN}][A-Za-z0-9{_HAN}._-]{{0,62}}[A-Za-z0-9{_HAN}]")


def check_name(name: str) -> str:
    """Return the name as stored. Raises ProblemError, 422."""
    # Check the length first: normalization takes quadratic time.
    name = unicodedata.normalize("NFC", name).strip() if len(name) <= NAME_AT_MOST else ""
    if not NAME.fullmatch(name):
        detail = gettext(
            "A name has 2 to 64 Chinese characters, English letters or digits, with . _ - between them: choose another "
            "one."
        )
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_name", detail, field="name")
    return name
