"""Authenticate requests by bearer token or session cookie, and authorize them by role.

An endpoint declares its minimum role, for example ``identity: AsReviewer``. A page finds the same Identity in
``request.state.identity``.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from api.i18n import gettext
from api.identity import cookies, csrf, sign_in, tokens
from api.identity.roles import Role
from api.problems import ProblemError
from api.services import Services
from store.audit import Actor
from store.login_sessions import OpenedBy
from store.login_sessions import SignedIn as SessionFound

CHALLENGE = {"WWW-Authenticate": "Bearer"}
_bearer = HTTPBearer(auto_error=False, description="A token created under `My account` of the admin app.")
_cookie = APIKeyCookie(
    name=cookies.SESSION,
    auto_error=False,
    description="The session cookie set by signing in at /admin. Changes also require the header X-CSRFToken.",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The authenticated caller. ``role`` is the lower of the account's role and the token's.

    ``session`` is the digest of the request's session, None for a token. ``opened_by`` is how the person signed in, and
    ``confirmed_at`` when they last proved their identity. ``must_enrol`` is whether the account must set up a second
    factor before anything else. ``token_number`` is the token's, None for a session. ``platform`` is the only platform
    that the role ``platform`` may read, None for other roles.
    """

    user_number: int
    name: str
    role: Role
    via: Literal["session", "token"]
    address: str | None
    language: str | None = None
    must_change_password: bool = False
    session: bytes | None = None
    confirmed_at: datetime | None = None
    opened_by: OpenedBy = "password"
    must_enrol: bool = False
    token_number: int | None = None
    platform: str | None = None

    def may_read(self, platform: str) -> bool:
        """Return whether the caller may read a platform's labels, trend and rejected events."""
        return self.role is Role.ADMIN or (self.role is Role.PLATFORM and self.platform == platform)

    @property
    def actor(self) -> Actor:
        """The caller as the audit log records it."""
        return Actor(
            *(self.user_number, self.name, self.via, self.address),
            token_number=self.token_number,
            by_user=self.role is Role.USER,
        )


async def identify(connection: HTTPConnection) -> Identity | None:
    """Return the caller by the request's token, or by its session if it has no token; None if neither is valid.

    Raises TransientStoreError and TimeoutError if the database does not answer.
    """
    services: Services = connection.app.state.services
    address = address_of(connection)
    token = _bearer_of(connection)
    if token is not None:
        known = await tokens.find(services, token)
        if known is None:
            return None
        return Identity(
            *(known.user_number, known.name, known.role, "token", address, known.language),
            token_number=known.number,
            platform=known.platform,
        )
    value = cookies.read_session(connection)
    session = await sign_in.find_session(services, value) if value else None
    if session is None:
        return None
    user = session.user
    return Identity(
        user_number=user.number,
        name=user.name,
        role=Role(user.role),
        via="session",
        address=address,
        language=user.language,
        must_change_password=user.must_change_password and session.session.opened_by == "password",
        session=session.digest,
        confirmed_at=session.session.confirmed_at,
        opened_by=session.session.opened_by,
        must_enrol=_must_enrol(services, session),
        platform=user.platform if user.role == Role.PLATFORM else None,
    )


def _must_enrol(services: Services, session: SessionFound) -> bool:
    """Whether the settings require a second factor that the account lacks. With single sign-on it is the provider's."""
    required = services.settings.admin_second_factor and session.user.role == Role.ADMIN
    return required and session.session.opened_by == "password" and not session.second_factor


def address_of(connection: HTTPConnection) -> str | None:
    """Return the client's address. ProxyHeadersMiddleware has already applied the headers of trusted proxies."""
    return connection.client.host[:64] if connection.client else None


def _bearer_of(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def authenticate(request: Request) -> Identity:
    """Return the caller by the request's headers alone, and keep it in ``request.state.identity``.

    Raises ProblemError: 401 without valid credentials, 403 if the CSRF check fails.
    """
    known: Identity | None = getattr(request.state, "identity", None)
    if known is not None:
        return known
    identity = await identify(request)
    if identity is None:
        detail = gettext("Sign in at /admin, or send a valid token in the header Authorization: Bearer ….")
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "not_signed_in", detail, CHALLENGE)
    if identity.via == "session":
        csrf.check(request)
    request.state.identity = identity
    return identity


async def signed_in(
    request: Request,
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    _session: Annotated[str | None, Security(_cookie)],
) -> Identity:
    """Return the caller, even if it must change its password or set up a second factor first.

    Raises ProblemError, 401 or 403.
    """
    return await authenticate(request)


async def owner(identity: Annotated[Identity, Depends(signed_in)]) -> Identity:
    """Return the caller as the owner of its account. Raises ProblemError, 403, for a token of a platform.

    Admins give such tokens to other teams, who must not see the admin's contacts, sessions and tokens.
    """
    if identity.via == "token" and identity.role is Role.PLATFORM:
        detail = gettext("This token reads only the platform %(platform)s.") % {"platform": identity.platform}
        raise ProblemError(HTTPStatus.FORBIDDEN, "platform_token", detail)
    return identity


@dataclass(frozen=True, slots=True)
class Require:
    """The dependency that requires ``role`` or one that includes it; None accepts every role, for the own account.

    GuardedRoute calls it before it reads the body.
    """

    role: Role | None

    async def __call__(self, identity: Annotated[Identity, Depends(signed_in)]) -> Identity:
        """Return the caller. Raises ProblemError, 403."""
        if identity.must_change_password:
            detail = gettext("Change your password first: the one you have is temporary.")
            raise ProblemError(HTTPStatus.FORBIDDEN, "password_change_required", detail)
        if identity.must_enrol:
            detail = gettext("Set up a second factor first, at /admin/second-factor: administrators need one here.")
            raise ProblemError(HTTPStatus.FORBIDDEN, "second_factor_required", detail)
        if self.role is None:
            return await owner(identity)
        if not identity.role.includes(self.role):
            detail = gettext("This needs the role %(role)s; yours is %(own)s.")
            detail %= {"role": self.role, "own": identity.role}
            raise ProblemError(HTTPStatus.FORBIDDEN, "role_too_low", detail)
        return identity


# The own account, even if the password must be changed first.
SignedIn = Annotated[Identity, Depends(owner)]
# The own account.
AsAnyRole = Annotated[Identity, Depends(Require(None))]
AsPlatform = Annotated[Identity, Depends(Require(Role.PLATFORM))]
AsUser = Annotated[Identity, Depends(Require(Role.USER))]
AsReviewer = Annotated[Identity, Depends(Require(Role.REVIEWER))]
AsAdmin = Annotated[Identity, Depends(Require(Role.ADMIN))]
