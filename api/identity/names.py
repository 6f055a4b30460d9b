"""Validate account names."""

import re
import unicodedata
from http import HTTPStatus

from api.i18n import gettext
from api.problems import ProblemError
from store.accounts import NAME_AT_MOST, fold

NAME = re.compile(r"\w[\w .@+-]{0,62}\w")
# NFKC expands a few characters: ﷺ becomes eighteen.
FOLDED_AT_MOST = 255


def check_name(name: str) -> str:
    """Return the name as stored. Raises ProblemError, 422."""
    # Check the length first: normalization takes quadratic time.
    name = unicodedata.normalize("NFC", name).strip() if len(name) <= NAME_AT_MOST else ""
    if not NAME.fullmatch(name) or "  " in name or len(fold(name)) > FOLDED_AT_MOST:
        detail = gettext("A name has 2 to 64 letters, digits or . _ @ + - between them: choose another one.")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_name", detail, field="name")
    return name
