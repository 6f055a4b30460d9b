"""Sign in, and confirm a session, at the OpenID Connect provider.

``begin`` sends the browser to the provider, and leaves it a signed cookie with the state, the nonce and the code
verifier. ``complete`` takes the provider's answer, in the same browser and once.
"""

import hmac
import secrets
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import structlog
from cryptography.fernet import InvalidToken
from itsdangerous import BadSignature, URLSafeTimedSerializer

from api.i18n import gettext
from api.identity import sso_accounts
from api.identity.confirmation import record_confirmation, record_failure, require_session
from api.identity.identity import Identity
from api.identity.observations import Observation, anonymous
from api.identity.provider import LEEWAY, Answered, Provider, ProviderError, RefusedError, claim_of
from api.identity.roles import Role
from api.identity.secrets import digest_of, fernet_of
from api.identity.sign_in import Browser, Opened, Proof, open_locked
from api.identity.throttle import SINGLE_SIGN_ON_FROM_ADDRESS, Limit, Throttle, lock_out_recorded, network_of
from api.problems import ProblemError
from api.services import Services
from liuyan.terminal import printable
from store import accounts, identities, login_sessions
from store.accounts import User

COOKIE = "liuyan_sso"
VALID_FOR = timedelta(minutes=10)
# Browsers refuse cookies above 4 KiB. A longer page address is forgotten.
NEXT_AT_MOST = 1_500
ID_TOKEN_AT_MOST = 16_384
HOME = "/admin/"
_SALT = "liuyan.single-sign-on"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """The address at the provider to redirect to, and the value of the cookie that the answer requires."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the cookie holds. ``session`` is the digest of the session to confirm, in hex; empty for a sign-in."""

    state: str
    nonce: str
    verifier: str
    next: str
    session: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """The parameters with which the provider sends the browser back, and the address that it was sent back to."""

    redirect_uri: str
    state: str
    code: str | None
    issuer: str | None
    error: str | None


def provider_of(services: Services) -> Provider | None:
    """Return the provider; None if there is no single sign-on. Raises SettingsError if its settings are incomplete."""
    settings = services.settings.single_sign_on()
    return None if settings is None else Provider(settings, services.provider_metadata, services.now)


async def begin(
    services: Services, provider: Provider, redirect_uri: str, next: str, confirming: Identity | None = None
) -> Begun:
    """Begin a sign-in, or the confirmation of the session of ``confirming``. ``next`` is the page to show afterwards.

    Raises ProblemError: 503 if the provider does not answer, 403 for a token.
    """
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    session = "" if confirming is None else require_session(confirming).hex()
    # Asks for a new proof of identity, however recent the last one is.
    again = {} if confirming is None else {"max_age": "0"}
    url = await provider.authorization_url(redirect_uri, state, nonce, verifier, **again)
    next = next if next.isascii() and len(next) <= NEXT_AT_MOST else HOME
    return Begun(url, _serializer(services).dumps([state, nonce, verifier, next, session]))


def read_attempt(services: Services, cookie: str | None, state: str) -> Attempt:
    """Return the attempt that this browser began with ``state``. Raises ProblemError, 400, if there is none."""
    try:
        values, begun_at = _serializer(services).loads(
            cookie or "", max_age=int(VALID_FOR.total_seconds()), return_timestamp=True
        )
    except BadSignature:
        raise _not_begun() from None
    kept, nonce, verifier, next, session = values
    attempt = Attempt(kept, nonce, verifier, next, session, begun_at.astimezone(UTC))
    if not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise _not_begun()
    return attempt


async def sign_in(
    services: Services,
    provider: Provider,
    browser: Browser,
    attempt: Attempt,
    reply: Reply,
    old_secret: str | None = None,
) -> Opened:
    """Open a session for the person whom the provider has signed in. The first time, this creates an account.

    A person who has no role any more loses all sessions and tokens.
    Raises ProblemError: 400 for a state that was used before, 403 if the answer is invalid, the person has no role here
    or the account is not active, 409 if the last admin would lose the role, 429 after too many attempts, 503 if the
    provider does not answer.
    """
    with services.metrics.count_sign_in():
        limit = Limit(SINGLE_SIGN_ON_FROM_ADDRESS, network_of(browser.address))
        async with lock_out_recorded(services, anonymous(browser.address), None):
            await Throttle(services).take(limit)
        try:
            answered = await _redeem(services, provider, attempt, reply)
            user = await _account_of(services, provider, browser, answered)
        except ProviderError:
            await Throttle(services).give_back(limit)
            raise
        except ProblemError as problem:
            await _record_refusal(services, browser, problem)
            raise
        opened = await _open(services, browser, user, answered, old_secret)
        await Throttle(services).give_back(limit)
        return opened


async def confirm(services: Services, provider: Provider, identity: Identity, attempt: Attempt, reply: Reply) -> str:
    """Confirm the caller's session with a new proof of identity at the provider; return the session's new secret.

    The account gets the role that the provider gives the person now; without one, its sessions and tokens end.
    Raises ProblemError: 400 for a state that was used before or an attempt of another session, 403 if the answer is
    invalid, of another person, without a role or not newer than the attempt, 409 if the last admin would lose the role,
    401 if the session has ended, 503 if the provider does not answer.
    """
    try:
        return await _confirm(services, provider, identity, attempt, reply)
    except ProviderError:
        raise
    except ProblemError as problem:
        await record_failure(services, identity, {"by": "sso", "reason": problem.code})
        raise


async def _confirm(services: Services, provider: Provider, identity: Identity, attempt: Attempt, reply: Reply) -> str:
    if require_session(identity).hex() != attempt.session:
        raise _not_begun()
    answered = await _redeem(services, provider, attempt, reply)
    async with services.store.reading() as connection:
        user = await identities.find_account(connection, provider.settings.issuer, answered.subject)
    if user is None or user.number != identity.user_number:
        detail = gettext("That is another account than the one you are signed in with here: confirm with the same one.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "other_person", detail)
    # Before the time of the proof is checked: the role that the provider states is true in any case.
    role = await _granted(services, provider, identity.address, answered, user)
    await sso_accounts.apply_role(services, identity.address, user, role)
    proved_at = answered.authenticated_at
    if proved_at is None or proved_at < attempt.begun_at - LEEWAY:
        raise RefusedError(f"asked for a new sign-in at {attempt.begun_at}, but auth_time is {proved_at}")
    async with services.store.writing() as session:
        return await record_confirmation(services, session, identity)


async def sign_out_url(services: Services, identity: Identity, redirect_uri: str) -> str | None:
    """Return the address at the provider that signs the caller out there; None if there is none.

    It must be called before the session ends, whose ID token it contains. Raises ProblemError, 503.
    """
    provider = provider_of(services)
    if provider is None or identity.opened_by != "sso" or identity.session is None:
        return None
    async with services.store.reading() as connection:
        stored = await login_sessions.find_id_token(connection, identity.session)
    return await provider.end_session_url(_decrypted(services, stored), redirect_uri)


async def _redeem(services: Services, provider: Provider, attempt: Attempt, reply: Reply) -> Answered:
    """Return the validated answer of the provider, once for each attempt."""
    digest, now = digest_of(attempt.state), datetime.now(UTC)
    async with services.store.writing() as session:
        if not await identities.use_state(session, digest, now, now + VALID_FOR):
            raise _not_begun()
    await provider.check_sender(reply.issuer)
    if reply.error is not None:
        log.warning("single sign-on provider refused", error=printable(reply.error)[:100])
        detail = gettext("The sign-in service did not sign you in. Try again, or ask an administrator.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "sso_refused", detail)
    if reply.code is None:
        raise RefusedError("the answer has neither a code nor an error")
    return await provider.redeem(reply.code, reply.redirect_uri, attempt.nonce, attempt.verifier)


async def _account_of(services: Services, provider: Provider, browser: Browser, answered: Answered) -> User:
    """Return the person's account, with the role that the provider gives it now."""
    issuer, subject = provider.settings.issuer, answered.subject
    async with services.store.reading() as connection:
        user = await identities.find_account(connection, issuer, subject)
    role = await _granted(services, provider, browser.address, answered, user)
    if user is None:
        return await sso_accounts.create(services, browser, sso_accounts.Person(issuer, subject, answered.claims), role)
    await sso_accounts.apply_role(services, browser.address, user, role)
    return user


async def _granted(
    services: Services, provider: Provider, address: str | None, answered: Answered, user: User | None
) -> Role:
    """Return the role that the provider gives the person. ``user`` is the person's account, if there is one.

    Raises ProblemError, 403, without a role, after ending the account's sessions and revoking its tokens.
    """
    settings = provider.settings
    granted = settings.role_of(_values(claim_of(answered.claims, settings.role_claim)))
    if granted is not None:
        return Role(granted)
    log.warning("single sign-on without a role", claim=settings.role_claim, address=address)
    if user is not None:
        await sso_accounts.lose_role(services, address, user, "no_role")
    detail = gettext("You have no role here: ask an administrator for access, then sign in again.")
    raise ProblemError(HTTPStatus.FORBIDDEN, "no_role", detail)


async def _open(services: Services, browser: Browser, user: User, answered: Answered, old_secret: str | None) -> Opened:
    # Signing in confirms the session only if the person proved their identity just now: the provider may have a session
    # of its own, which is hours old.
    proof = Proof("sso", _past(answered.authenticated_at, services.now()), _encrypted(services, answered.id_token))
    async with services.store.writing() as session:
        current = await accounts.lock_user(session, user.number)
        secret = await open_locked(services, session, browser, current, proof, old_secret, {"by": "sso"})
    return Opened(current, secret)


def _past(time: datetime | None, now: datetime) -> datetime | None:
    return None if time is None else min(time, now)


def _values(claim: object) -> Set[str]:
    """Return the values of the role claim: a string, or a list of strings."""
    if isinstance(claim, str):
        return {claim}
    return {value for value in claim if isinstance(value, str)} if isinstance(claim, list) else frozenset()


async def _record_refusal(services: Services, browser: Browser, problem: ProblemError) -> None:
    detail = {"by": "sso", "reason": problem.code}
    observed = Observation("session.sign_in_failed", "user", "", network_of(browser.address), detail)
    await services.observations.record(services.store, anonymous(browser.address), observed)


def _encrypted(services: Services, id_token: str) -> str | None:
    if len(id_token) > ID_TOKEN_AT_MOST:
        return None
    return fernet_of(services.settings.required_secret_key(), "id tokens").encrypt(id_token.encode()).decode()


def _decrypted(services: Services, stored: str | None) -> str | None:
    """Return an ID token; None if LIUYAN_SECRET_KEY was replaced meanwhile."""
    if stored is None:
        return None
    try:
        return fernet_of(services.settings.required_secret_key(), "id tokens").decrypt(stored.encode()).decode()
    except InvalidToken:
        return None


def _not_begun() -> ProblemError:
    detail = gettext("This sign-in has expired, or it was begun in another browser: start again.")
    return ProblemError(HTTPStatus.BAD_REQUEST, "sso_expired", detail)


def _serializer(services: Services) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services.settings.required_secret_key(), salt=_SALT)
