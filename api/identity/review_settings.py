"""How an account reviews: what its number keys do, and the reasons that it picks from."""

import re
from http import HTTPStatus
from typing import Literal

from api.i18n import gettext
from api.problems import ProblemError

# save: a number key saves the label at once; confirm: it chooses the label and Enter saves it.
NumberKeys = Literal["save", "confirm"]
NUMBER_KEYS: tuple[NumberKeys, ...] = ("save", "confirm")
# As many as fit on a line or two below a comment.
MOST_REASONS = 9
LONGEST_REASON = 40
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_number_keys(value: str | None) -> NumberKeys:
    """The setting as it is stored. Raises ProblemError, 422."""
    for known in NUMBER_KEYS:
        if value == known:
            return known
    detail = gettext("Number keys either save or confirm: choose one of the two.")
    raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_number_keys", detail, field="number_keys")


def check_quick_reasons(text: str | None) -> str | None:
    """Reasons that were typed one a line, as they are stored: without empty and repeated ones; None without any.

    Raises ProblemError, 422, for too many or too long ones.
    """
    lines = (CONTROL.sub("", line).strip() for line in (text or "").splitlines())
    reasons = list(dict.fromkeys(line for line in lines if line))
    if len(reasons) > MOST_REASONS or any(len(reason) > LONGEST_REASON for reason in reasons):
        detail = gettext("Give at most %(most)s quick reasons of at most %(longest)s characters, one per line.")
        detail %= {"most": MOST_REASONS, "longest": LONGEST_REASON}
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_quick_reasons", detail, field="quick_reasons")
    return "\n".join(reasons) or None


def quick_reasons_of(stored: str | None) -> list[str]:
    """The stored reasons, in the account's order."""
    return stored.split("\n") if stored else []


def number_keys_of(stored: str) -> NumberKeys:
    """The stored setting; what a newer program stored counts as the default."""
    return "confirm" if stored == "confirm" else "save"
