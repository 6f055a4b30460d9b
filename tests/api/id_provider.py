"""A real OpenID Connect provider on localhost, with Authlib's server side, that tests can also make lie."""

import hashlib
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, redirect, request
from joserfc.jwk import KeySet, OKPKey, RSAKey
from pydantic import SecretStr
from werkzeug.serving import WSGIRequestHandler, make_server

from liuyan.settings import Settings
from liuyan.single_sign_on import parse_roles

HONEST = object()
CLIENT_ID, CLIENT_SECRET = "liuyan", "the secret of the client"
LOGIN_PAGE = """<!doctype html><html lang="zh"><title>员工登录</title>
<form method="post"><button>以 {name} 登录</button></form></html>"""


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc] # Authlib has no types
    """An authorization code and what it was given for."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    auth_time: int
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class Client(ClientMixin):  # type: ignore[misc] # Authlib has no types
    """Liuyan, as the provider knows it."""

    client_id = CLIENT_ID

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/admin/sso/callback")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class IdProvider:
    """The provider. ``person`` are the claims of the person at the browser; without ``asks`` it signs them in at once.

    The other fields make it lie: ``claims`` replace those of ID tokens, ``algorithm`` and ``key`` their signature,
    ``metadata`` its own description, which lacks ``without``, ``statuses`` the responses of endpoints, and ``token``
    fields of the token endpoint's.
    """

    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "person-1", "preferred_username": "wang.wei"})
    groups: list[str] = field(default_factory=lambda: ["readers"])
    groups_in: str = "id_token"
    asks: bool = False
    authenticated_at: int = 0
    honours_max_age: bool = True
    keeps_codes: bool = False
    claims: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    published: RSAKey | OKPKey = field(default_factory=new_key)
    published_as: object = HONEST
    key: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    signed_out: list[dict[str, str]] = field(default_factory=list)
    authorized: list[dict[str, str]] = field(default_factory=list)

    def settings(self, base: Settings, **changes: object) -> Settings:
        """Return settings for this provider."""
        sso = {
            "sso_issuer": self.url,
            "sso_client_id": CLIENT_ID,
            "sso_client_secret": SecretStr(CLIENT_SECRET),
            "sso_roles": parse_roles("admin=admins,reviewer=readers|leads,user=everybody"),
        }
        return base.model_copy(update={**sso, **changes})

    def described(self) -> dict[str, Any]:
        """Return the metadata."""
        described = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
            "id_token_signing_alg_values_supported": ["RS256", "none"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return {name: value for name, value in described.items() if name not in self.without}


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc] # Authlib has no types
    """Authorization codes of ``provider``, which a subclass sets."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")
    provider: IdProvider

    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        self.provider.codes[code] = Code(
            code,
            request.payload.redirect_uri,
            request.payload.scope,
            data.get("nonce"),
            self.provider.authenticated_at,
            data.get("code_challenge"),
            data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return self.provider.codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        if not self.provider.keeps_codes:
            del self.provider.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
        return self.provider.person


class IdTokens(OpenIDCode):  # type: ignore[misc] # Authlib has no types
    """ID tokens, as honest as the provider."""

    def __init__(self, provider: IdProvider) -> None:
        super().__init__()
        self.provider = provider

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return False

    def get_client_algorithm(self, client: Client) -> str:
        return self.provider.algorithm

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": self.provider.algorithm, "kid": "one"}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self.provider.url, "aud": CLIENT_ID}

    def resolve_client_private_key(self, client: Client) -> Any:
        return self.provider.key or self.provider.published

    def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
        at_hash = {}
        if self.provider.algorithm == "Ed25519":  # Authlib leaves it out.
            digest = hashlib.sha512(token["access_token"].encode()).digest()
            at_hash = {"at_hash": urlsafe_b64encode(digest[:32]).rstrip(b"=").decode()}
        request.user = {**request.user, **at_hash}
        encoded: str = super().encode_id_token(token, request)
        return encoded

    def generate_user_info(self, user: dict[str, Any], scope: str) -> UserInfo:
        provider = self.provider
        groups = {"groups": provider.groups} if provider.groups_in == "id_token" else {}
        return UserInfo({**user, **groups, **provider.claims})


class Issuer(IssuerParameter):  # type: ignore[misc] # Authlib has no types
    """The parameter ``iss`` of answers."""

    def __init__(self, provider: IdProvider) -> None:
        self.provider = provider

    def get_issuer(self) -> str:
        return self.provider.url


def _app(provider: IdProvider) -> Flask:
    app = Flask("provider")
    server = AuthorizationServer(
        app, lambda client_id: Client() if client_id == CLIENT_ID else None, lambda token, _: _keep(provider, token)
    )
    grant = type("Grant", (CodeGrant,), {"provider": provider})
    server.register_grant(grant, [IdTokens(provider), CodeChallenge(required=True)])
    server.register_extension(Issuer(provider))
    app.before_request(lambda: _failure(provider))
    for path, method, view in (
        ("/.well-known/openid-configuration", "GET", lambda: jsonify(provider.described())),
        ("/keys", "GET", lambda: jsonify(_keys(provider))),
        ("/authorize", "GET", lambda: _authorize(provider, server)),
        ("/authorize", "POST", lambda: _authorize(provider, server)),
        ("/token", "POST", lambda: _token(provider, server)),
        ("/userinfo", "GET", lambda: _userinfo(provider)),
        ("/end", "GET", lambda: _end(provider)),
    ):
        app.add_url_rule(path, endpoint=f"{method} {path}", view_func=view, methods=[method])
    return app


def _failure(provider: IdProvider) -> Response | None:
    status = provider.statuses.get(request.path)
    return Response("not now", status) if status else None


def _authorize(provider: IdProvider, server: Any) -> Any:
    again = provider.honours_max_age and request.args.get("max_age") == "0"
    if request.method == "GET":
        provider.authorized.append(request.args.to_dict())
        if provider.asks or again:
            return LOGIN_PAGE.format(name=provider.person["preferred_username"])
    else:
        provider.authenticated_at = int(time.time())
    grant = server.get_consent_grant(end_user=provider.person)
    return server.create_authorization_response(grant_user=provider.person, grant=grant)


def _keys(provider: IdProvider) -> object:
    honest = KeySet([provider.published]).as_dict(private=False)
    return honest if provider.published_as is HONEST else provider.published_as


def _token(provider: IdProvider, server: Any) -> Any:
    answer = server.create_token_response()
    return jsonify({**answer.get_json(), **provider.token}) if provider.token else answer


def _userinfo(provider: IdProvider) -> Response:
    if request.headers.get("Authorization", "").removeprefix("Bearer ") not in provider.tokens:
        return Response(status=401)
    return jsonify({**provider.person, "groups": provider.groups})


def _end(provider: IdProvider) -> Any:
    provider.signed_out.append(request.args.to_dict())
    return redirect(request.args["post_logout_redirect_uri"])


def _keep(provider: IdProvider, token: dict[str, Any]) -> None:
    provider.tokens.add(token["access_token"])


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@contextmanager
def running_provider() -> Iterator[IdProvider]:
    """Run a provider in a thread."""
    provider = IdProvider(authenticated_at=int(time.time()))
    server = make_server("127.0.0.1", 0, _app(provider), threaded=True, request_handler=Quiet)
    provider.url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
