"""The platform that an account or a token with the role ``platform`` is bound to."""

from collections.abc import Mapping
from http import HTTPStatus

from api.i18n import gettext
from api.identity.roles import Role
from api.problems import ProblemError
from liuyan.settings import DETECTION_PLATFORM
from liuyan.topics import PLATFORM
from store.accounts import User


def check_binding(role: Role, platform: str | None) -> str | None:
    """Return the platform as stored: a name with the role ``platform``, None with any other role.

    Text detection's platform has the texts of this app's users, so nothing is bound to it. Raises ProblemError, 422.
    """
    platform = (platform or "").strip() or None
    if role is not Role.PLATFORM:
        if platform is None:
            return None
        raise _invalid("unexpected_platform", gettext("Only the role platform has a platform: leave it empty."))
    # An empty name would mean all platforms to the figures.
    if platform is None or not PLATFORM.fullmatch(platform):
        sentence = gettext("Enter the platform's name as its events have it: up to 32 of a-z, 0-9, _ and -.")
        raise _invalid("invalid_platform", sentence)
    if platform == DETECTION_PLATFORM:
        sentence = gettext("The platform %(platform)s belongs to this app: choose another one.")
        raise _invalid("invalid_platform", sentence % {"platform": platform})
    return platform


def binding_change(before: User, role: Role | None, changes: Mapping[str, str | None]) -> dict[str, object]:
    """Return the column that a change of ``role`` or platform sets. Raises ProblemError, 422."""
    if role is None and "platform" not in changes:
        return {}
    role = role or Role(before.role)
    kept = before.platform if role is Role.PLATFORM else None
    return {"platform": check_binding(role, changes.get("platform", kept))}


def _invalid(code: str, sentence: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, code, sentence, field="platform")
