"""Talk to the OpenID Connect provider: metadata, authorization code with PKCE, and the validation of ID tokens.

Authlib makes the requests and validates the claims, joserfc the signature. The provider's answers are trusted only as
far as they prove to come from the configured issuer.
"""

import functools
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx2 as httpx
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from api.i18n import gettext
from api.problems import ProblemError
from liuyan.single_sign_on import SingleSignOn, is_private
from liuyan.terminal import printable

SECONDS = 10
RETRY_SECONDS = 30
# Of clocks that differ.
LEEWAY = timedelta(seconds=60)
METADATA_FOR = timedelta(minutes=5)
SUBJECT_AT_MOST = 255
# Signatures with a public key only: with HS256 the client secret would be the key, and `none` is no signature.
# Ed25519 is the newer name (RFC 9864) of EdDSA with that curve.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
# Raised by Authlib for JSON values of the wrong type, such as a token_type that is a number.
WRONG_TYPES = (AttributeError, KeyError, OverflowError, TypeError)
log = structlog.get_logger(__name__)


class ProviderError(ProblemError):
    """The provider does not answer, or answers with something else than its protocol. Nobody is refused by it."""

    def __init__(self, reason: str) -> None:
        detail = gettext(
            "The sign-in service gave an unexpected answer. Try again in a minute; if it happens again, tell an "
            "administrator."
        )
        headers = {"Retry-After": str(RETRY_SECONDS)}
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, "provider_unavailable", detail, headers)
        log.warning("single sign-on provider unavailable", reason=printable(reason)[:300], repeats=True)


class RefusedError(ProblemError):
    """The provider's answer to a sign-in is invalid or negative: nobody is signed in by it."""

    def __init__(self, reason: str) -> None:
        detail = gettext("Single sign-on failed: the answer of the sign-in service is not valid. Sign in again.")
        super().__init__(HTTPStatus.FORBIDDEN, "sso_refused", detail)
        log.warning("single sign-on refused", reason=printable(reason)[:300])


@dataclass(frozen=True, slots=True)
class Answered:
    """A validated ID token: who signed in, and when (None if the provider does not say)."""

    subject: str
    claims: Mapping[str, Any]
    authenticated_at: datetime | None
    id_token: str


@dataclass(slots=True)
class MetadataCache:
    """The provider's metadata, kept for some minutes: each person who opens the sign-in page would fetch it."""

    _kept: dict[str, tuple[datetime, Mapping[str, Any]]] = field(default_factory=dict)

    def get(self, issuer: str, now: datetime) -> Mapping[str, Any] | None:
        """Return the metadata of an issuer unless they are too old."""
        at, metadata = self._kept.get(issuer, (None, {}))
        return metadata if at is not None and now - at < METADATA_FOR else None

    def put(self, issuer: str, now: datetime, metadata: Mapping[str, Any]) -> None:
        """Keep the metadata of an issuer, and nothing else."""
        self._kept = {issuer: (now, metadata)}


@dataclass(frozen=True, slots=True)
class Provider:
    """The configured provider. Its methods raise ProviderError, 503, if it does not answer."""

    settings: SingleSignOn
    cache: MetadataCache
    now: Callable[[], datetime]

    async def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str, **more: str) -> str:
        """Return the URL at the provider where a person signs in. ``more`` are further parameters."""
        endpoint = _endpoint(await self.metadata(), "authorization_endpoint")
        async with self._client() as client:
            with _answering():
                url, _ = client.create_authorization_url(
                    endpoint, state=state, code_verifier=verifier, nonce=nonce, redirect_uri=redirect_uri, **more
                )
        return str(url)

    async def check_sender(self, issuer: str | None) -> None:
        """Check the parameter ``iss`` of an answer (RFC 9207), so that no other provider's answer is mixed up with it.

        Raises RefusedError, 403.
        """
        promised = (await self.metadata()).get("authorization_response_iss_parameter_supported") is True
        if issuer != self.settings.issuer and (promised or issuer is not None):
            raise RefusedError(f"the answer names the issuer {issuer!r}")

    async def end_session_url(self, id_token: str | None, redirect_uri: str) -> str | None:
        """Return the URL that signs the person out at the provider; None if it has none."""
        metadata = await self.metadata()
        if "end_session_endpoint" not in metadata:
            return None
        given = {"client_id": self.settings.client_id, "post_logout_redirect_uri": redirect_uri}
        hint = {"id_token_hint": id_token} if id_token else {}
        with _answering():
            return str(add_params_to_uri(_endpoint(metadata, "end_session_endpoint"), hint | given))

    async def redeem(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Answered:
        """Exchange an authorization code for an ID token and validate it. Raises RefusedError, 403."""
        metadata = await self.metadata()
        async with self._client(metadata) as client:
            endpoint = _endpoint(metadata, "token_endpoint")
            with _answering():
                try:
                    token = await client.fetch_token(
                        endpoint,
                        grant_type="authorization_code",
                        code=code,
                        code_verifier=verifier,
                        redirect_uri=redirect_uri,
                    )
                except AuthlibBaseError as error:
                    raise RefusedError(f"token endpoint: {error}") from None
            id_token, access_token = token.get("id_token"), token.get("access_token")
            if not isinstance(id_token, str) or not isinstance(access_token, str):
                raise RefusedError("the token endpoint sent no ID token")
            claims = await self._validated(client, metadata, id_token, access_token, nonce)
            if claim_of(claims, self.settings.role_claim) is None and "userinfo_endpoint" in metadata:
                claims = {**await _userinfo(client, metadata, claims["sub"]), **claims}
        return Answered(claims["sub"], claims, _authenticated_at(claims), id_token)

    async def metadata(self) -> Mapping[str, Any]:
        """Return the provider's metadata, of which the issuer is as configured."""
        issuer = self.settings.issuer
        known = self.cache.get(issuer, self.now())
        if known is not None:
            return known
        async with self._client() as client:
            url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
            metadata = await _get(client, url, withhold_token=True)
        if metadata.get("issuer") != issuer:
            raise ProviderError(f"its metadata names another issuer: {metadata.get('issuer')!r}")
        self.cache.put(issuer, self.now(), metadata)
        return metadata

    async def _validated(
        self, client: AsyncOAuth2Client, metadata: Mapping[str, Any], id_token: str, access_token: str, nonce: str
    ) -> Mapping[str, Any]:
        """Return the claims of an ID token that is signed by the provider, for this client and this sign-in."""
        known = await _get(client, _endpoint(metadata, "jwks_uri"), withhold_token=True)
        expected = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.settings.client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        }
        given = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": access_token}
        try:
            keys = KeySet.import_key_set(known)  # type: ignore[arg-type] # it raises an error for anything else
            token = jwt.decode(id_token, keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False))
            claims = CodeIDToken(token.claims, _known_to_authlib(token.header), expected, given)
            claims.validate(int(self.now().timestamp()), int(LEEWAY.total_seconds()))
        except (JoseError, ValueError, *WRONG_TYPES) as error:
            raise RefusedError(f"ID token: {type(error).__name__}: {error}") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_AT_MOST:
            raise RefusedError("ID token: sub is not a string of 1 to 255 characters")
        return dict(claims)

    @asynccontextmanager
    async def _client(self, metadata: Mapping[str, Any] | None = None) -> AsyncIterator[AsyncOAuth2Client]:
        settings = self.settings
        client = AsyncOAuth2Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scope=settings.scopes,
            token_endpoint_auth_method=_auth_method(settings, metadata or {}),
            code_challenge_method="S256",
            timeout=SECONDS,
            verify=_tls(),
            # It would refuse a token that expires within a minute, as all tokens of some providers do.
            leeway=0,
        )
        async with client:
            yield client


def claim_of(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim, or None. A name that is no claim itself is a path of nested claims, with dots."""
    found: object = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _auth_method(settings: SingleSignOn, metadata: Mapping[str, Any]) -> str:
    """Return how the client authenticates: with HTTP Basic, unless the provider only accepts the form."""
    if settings.client_secret is None:
        return "none"
    accepted = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in accepted else "client_secret_post"


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str) or not is_private(url):
        raise ProviderError(f"its metadata has no https:// address as {name}")
    return url


async def _userinfo(client: AsyncOAuth2Client, metadata: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
    claims = await _get(client, _endpoint(metadata, "userinfo_endpoint"))
    if claims.get("sub") != subject:
        raise RefusedError("userinfo is about another subject")
    return claims


async def _get(client: AsyncOAuth2Client, url: str, **options: bool) -> Mapping[str, Any]:
    """Return a JSON object. Raises ProviderError."""
    with _answering():
        response = await client.request("GET", url, **options)
        response.raise_for_status()
        answer = response.json()
    if not isinstance(answer, dict):
        raise ProviderError(f"{url} is not a JSON object")
    return answer


@contextmanager
def _answering() -> Iterator[None]:
    """Turn errors of requests and of Authlib into ProviderError."""
    try:
        yield
    # ValueError: the body is not JSON. InvalidURL: an address in the metadata is none.
    except (AuthlibBaseError, httpx.HTTPError, httpx.InvalidURL, ValueError, *WRONG_TYPES) as error:
        raise ProviderError(f"{type(error).__name__}: {error}") from None


def _known_to_authlib(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ID token's header with the algorithm's older name, by which Authlib finds the hash of ``at_hash``."""
    return {**header, "alg": "EdDSA"} if header.get("alg") == "Ed25519" else dict(header)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return the system's certificate authorities, or those in SSL_CERT_FILE. Loading them takes time."""
    return ssl.create_default_context()


def _authenticated_at(claims: Mapping[str, Any]) -> datetime | None:
    """Return the time of the claim ``auth_time``, if there is a valid one."""
    at = claims.get("auth_time")
    if isinstance(at, bool) or not isinstance(at, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, OSError, ValueError):
        return None
