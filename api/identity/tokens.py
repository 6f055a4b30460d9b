"""Create, find and revoke bearer tokens. A token's role cannot exceed its owner's."""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from api.i18n import gettext
from api.identity.binding import check_binding
from api.identity.roles import Role, lesser
from api.identity.secrets import digest_of, new_token
from api.identity.sign_in import session_ended
from api.problems import ProblemError
from api.services import AccountServices, Services
from liuyan.terminal import printable
from store import accounts, audit, login_sessions, tokens
from store.audit import JSON, Actor
from store.session import WriteSession
from store.tokens import Token

AT_MOST = 50
LONGEST_DAYS = 366
NAME_AT_MOST = 64


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token's number and owner. ``role`` is the lower of the token's role and the owner's.

    ``platform`` is the platform that the role ``platform`` is bound to.
    """

    number: int
    user_number: int
    name: str
    role: Role
    language: str | None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to create: purpose, role, days until it expires, and the platform that the role ``platform`` reads."""

    name: str
    role: Role
    days: int
    platform: str | None = None


async def find(services: Services, token: str) -> Bearer | None:
    """Return a token's owner; None if the token is unknown, revoked or expired, or the owner cannot sign in.

    A token that its owner could not create, because the account's role or platform has changed, is not valid either.
    """
    now = services.now()
    async with services.store.reading() as connection:
        found = await tokens.find_token(connection, digest_of(token), now)
    if found is None or found.user.must_change_password:
        return None
    user = found.user
    role = lesser(Role(user.role), Role(found.token.role))
    platform = _platform(user, found.token) if role is Role.PLATFORM else None
    if role is None or (role is Role.PLATFORM and platform is None):
        return None
    used = found.token.used_at
    if used is None or now - used >= tokens.USED_EVERY:
        async with services.store.writing() as session:
            await tokens.touch_token(session, found.token.number, now)
    return Bearer(found.token.number, user.number, user.name, role, user.language, platform)


def _platform(user: accounts.User, token: Token) -> str | None:
    """Return the platform that a token is bound to; None if it is not that of its account."""
    if user.role != Role.PLATFORM:
        return token.platform
    return user.platform if token.platform in (None, user.platform) else None


def check_name(name: str) -> str:
    """Return a token's purpose as stored. Raises ProblemError, 422."""
    name = name.strip()
    if not 0 < len(name) <= NAME_AT_MOST or printable(name) != name:
        detail = gettext("Describe the token's purpose in 1 to %(most)s characters, without control characters.")
        detail %= {"most": NAME_AT_MOST}
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_token_name", detail, field="name")
    return name


async def create(
    services: AccountServices, actor: Actor, owner: int, new: NewToken, *, within: bytes | None = None
) -> tuple[Token, str]:
    """Create a token for the account ``owner``. Returns it with its secret, which is not stored.

    ``within`` is the digest of the caller's session. Password resets and sign-outs lock the same account row, so that
    no token is created after them.
    Raises ProblemError: 403 for a role above the owner's or an account that cannot use tokens, 401 if the session has
    ended, 404, 409 for too many tokens, 422 as ``check_name`` does.
    """
    name, now, secret = check_name(new.name), services.now(), new_token()
    expires = now + timedelta(days=new.days)
    async with services.store.writing() as session:
        platform = await _check_owner(session, owner, new)
        if within is not None and not await login_sessions.lock_session(session, owner, within):
            raise session_ended()
        if len(await tokens.list_tokens(session.connection, owner)) >= AT_MOST:
            detail = gettext("There are %(count)s tokens already: revoke one first.") % {"count": AT_MOST}
            raise ProblemError(HTTPStatus.CONFLICT, "too_many_tokens", detail)
        number = await tokens.add_token(
            session, owner, digest_of(secret), name, new.role, now, expires, platform=platform
        )
        details: dict[str, JSON] = {"name": name, "role": new.role, "days": new.days, "owner": owner}
        if platform is not None:
            details["platform"] = platform
        await audit.record(session, actor, "token.create", "token", str(number), details)
    return Token(number, name, new.role, now, expires, None, None, platform), secret


async def revoke(services: AccountServices, actor: Actor, owner: int, number: int) -> None:
    """Revoke one token of the account ``owner``. Raises ProblemError, 404."""
    async with services.store.writing() as session:
        token = await tokens.revoke_token(session, owner, number, services.now())
        if token is None:
            detail = gettext("This account has no token %(number)s: it may have been revoked already.") % {
                "number": number
            }
            raise ProblemError(HTTPStatus.NOT_FOUND, "no_token", detail)
        details: dict[str, JSON] = {"name": token.name, "owner": owner}
        await audit.record(session, actor, "token.revoke", "token", str(number), details)


async def revoke_all(services: AccountServices, actor: Actor, owner: int) -> int:
    """Revoke all tokens of the account ``owner`` and return their number. Raises ProblemError, 404."""
    async with services.store.writing() as session:
        await _lock_owner(session, owner)
        revoked = await tokens.revoke_tokens(session, owner, services.now())
        await audit.record(session, actor, "user.revoke_tokens", "user", str(owner), {"tokens_revoked": revoked})
    return revoked


async def _check_owner(session: WriteSession, owner: int, new: NewToken) -> str | None:
    """Return the platform of the new token. Raises ProblemError if the account cannot have the token."""
    user = await _lock_owner(session, owner)
    if user.state != "active":
        raise _without_tokens(user, gettext("The account %(name)s cannot have tokens: it is not active."))
    if user.must_change_password:
        detail = gettext("The account %(name)s cannot have tokens: sign in with it and change its password first.")
        raise _without_tokens(user, detail)
    if not Role(user.role).includes(new.role):
        detail = gettext("A token cannot have the role %(role)s: its account has %(own)s.")
        detail %= {"role": new.role, "own": user.role}
        raise ProblemError(HTTPStatus.FORBIDDEN, "role_too_low", detail, field="role")
    if user.role != Role.PLATFORM:
        return check_binding(new.role, new.platform)
    if new.platform not in (None, user.platform):
        detail = gettext("This account is bound to the platform %(platform)s, and so are its tokens.")
        detail %= {"platform": user.platform}
        raise ProblemError(HTTPStatus.FORBIDDEN, "other_platform", detail, field="platform")
    return user.platform


def _without_tokens(user: accounts.User, detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.FORBIDDEN, "account_without_tokens", detail % {"name": user.name})


async def _lock_owner(session: WriteSession, owner: int) -> accounts.User:
    try:
        return await accounts.lock_user(session, owner)
    except accounts.NoAccountError as error:
        detail = gettext("There is no account %(number)s.") % {"number": error.number}
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_account", detail) from None
