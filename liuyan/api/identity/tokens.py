"""Bearer tokens: made once for a program, with a role of at most their owner's, and found by their digest."""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from starlette_admin.i18n import gettext

from liuyan.api.identity.roles import Role, lesser
from liuyan.api.identity.secrets import digest_of, new_token
from liuyan.api.problems import ProblemError
from liuyan.api.services import Services
from liuyan.store import audit, tokens
from liuyan.store.audit import JSON, Actor
from liuyan.store.tokens import Token

AT_MOST = 50
LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token stands for; ``role`` is the least of the token's and the person's."""

    user_number: int
    name: str
    role: Role
    language: str | None


async def find(services: Services, token: str) -> Bearer | None:
    """Whom a token stands for; None when it is unknown, revoked or over, or its owner may not sign in."""
    now = services.now()
    async with services.store.reading() as connection:
        found = await tokens.find_token(connection, digest_of(token), now)
    if found is None or found.user.must_change_password:
        return None
    used = found.token.used_at
    if used is None or now - used >= tokens.USED_EVERY:
        async with services.store.writing() as session:
            await tokens.touch_token(session, found.token.number, now)
    user = found.user
    return Bearer(user.number, user.name, lesser(Role(user.role), Role(found.token.role)), user.language)


async def create(services: Services, actor: Actor, own: Role, name: str, role: Role, days: int) -> tuple[Token, str]:
    """Make a token for the person who asks, good for ``days``; the secret that is returned is shown this once.

    Raises ProblemError: 403 for a role above ``own``, 409 for too many tokens.
    """
    if not own.includes(role):
        detail = gettext("A token cannot have the role %(role)s: yours is %(own)s.") % {"role": role, "own": own}
        raise ProblemError(HTTPStatus.FORBIDDEN, "role_too_low", detail, field="role")
    user_number, now, secret = _number_of(actor), services.now(), new_token()
    expires = now + timedelta(days=days)
    async with services.store.writing() as session:
        if len(await tokens.list_tokens(session.connection, user_number)) >= AT_MOST:
            detail = gettext("You have %(count)s tokens already: revoke one first.") % {"count": AT_MOST}
            raise ProblemError(HTTPStatus.CONFLICT, "too_many_tokens", detail)
        number = await tokens.add_token(session, user_number, digest_of(secret), name, role, now, expires)
        told: dict[str, JSON] = {"name": name, "role": role, "days": days}
        await audit.record(session, actor, "token.create", "token", str(number), told)
    return Token(number, name, role, now, expires, None, None), secret


async def revoke(services: Services, actor: Actor, number: int) -> None:
    """Take back one of one's own tokens. Raises ProblemError, 404."""
    async with services.store.writing() as session:
        token = await tokens.revoke_token(session, _number_of(actor), number, services.now())
        if token is None:
            detail = gettext("You have no token %(number)s.") % {"number": number}
            raise ProblemError(HTTPStatus.NOT_FOUND, "no_token", detail)
        await audit.record(session, actor, "token.revoke", "token", str(number), {"name": token.name})


def _number_of(actor: Actor) -> int:
    if actor.user_number is None:
        raise ValueError("only people have tokens")
    return actor.user_number
