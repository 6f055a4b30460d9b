"""Access of every role with every credential to every route: allowed, 401, 403 or a redirect to the sign-in page.

A new route needs a line in ROUTES, and one in NEEDS if a token or an unconfirmed session is not sufficient.

The test fails if a route is missing from the table, if the table contains a removed route, and if a response differs
from the table.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import httpx2 as httpx
import pytest
from starlette.routing import BaseRoute, Mount

from api.identity.roles import Role
from api.identity.secrets import digest_of, new_secret, new_token
from store.login_sessions import LoginSession, add_session
from store.tokens import add_token
from tests.api.conftest import Api
from tests.api.people import Person, add_person, session_headers

pytestmark = pytest.mark.timeout(180)

EVERYBODY = "everybody"
SIGNED_IN = "signed in"  # Even if the password must be changed first.
ANY = "any role"
PLATFORM, USER, REVIEWER, ADMIN = Role.PLATFORM, Role.USER, Role.REVIEWER, Role.ADMIN

ROUTES: dict[str, str] = {
    "GET /": EVERYBODY,
    "GET /admin": EVERYBODY,  # Both redirect to the home page.
    "GET /docs": EVERYBODY,
    "GET /docs/start.js": EVERYBODY,
    "GET /docs/assets/{path}": EVERYBODY,
    "GET /openapi.json": EVERYBODY,
    # The REST API.
    "GET /api/v1/comments": REVIEWER,
    "GET /api/v1/comments/{platform}": REVIEWER,
    "GET /api/v1/comments/{platform}/{id:anything}": REVIEWER,
    "GET /api/v1/reviews": REVIEWER,
    "GET /api/v1/reviews/export": REVIEWER,
    "GET /api/v1/reviews/groups/{number}": REVIEWER,
    "POST /api/v1/reviews": REVIEWER,
    "POST /api/v1/reviews/next": REVIEWER,
    "POST /api/v1/reviews/lease": REVIEWER,
    "POST /api/v1/reviews/renew": REVIEWER,
    "POST /api/v1/reviews/release": REVIEWER,
    "POST /api/v1/reviews/skip": REVIEWER,
    "POST /api/v1/reviews/bulk": REVIEWER,
    "POST /api/v1/reviews/withdraw": REVIEWER,
    "POST /api/v1/predict": USER,
    "POST /api/v1/predict/file": USER,
    "POST /api/v1/detections": USER,
    "GET /api/v1/analytics/agreement": REVIEWER,
    "GET /api/v1/analytics/labels": USER,
    "GET /api/v1/analytics/platforms": USER,
    "GET /api/v1/analytics/hours": USER,
    "GET /api/v1/analytics/changes": USER,
    "GET /api/v1/analytics/annotations": USER,
    "GET /api/v1/analytics/drivers": REVIEWER,
    "GET /api/v1/analytics/reviewers": REVIEWER,
    "GET /api/v1/analytics/models": REVIEWER,
    "GET /api/v1/analytics/accuracy": REVIEWER,
    "GET /api/v1/analytics/keywords": REVIEWER,
    "GET /api/v1/notices": USER,
    "GET /api/v1/notices/{number}": ADMIN,
    "POST /api/v1/notices": ADMIN,
    "PUT /api/v1/notices/{number}": ADMIN,
    "POST /api/v1/notices/{number}/withdraw": ADMIN,
    "POST /api/v1/notices/{number}/restore": ADMIN,
    "DELETE /api/v1/notices/{number}": ADMIN,
    "GET /api/v1/dead-letters": ADMIN,
    "GET /api/v1/dead-letters/{number}": ADMIN,
    "POST /api/v1/dead-letters/requeue": ADMIN,
    "POST /api/v1/dead-letters/discard": ADMIN,
    "POST /api/v1/dead-letters/delete": ADMIN,
    "GET /api/v1/platforms/{platform}/labels": PLATFORM,
    "GET /api/v1/platforms/{platform}/trend": PLATFORM,
    "GET /api/v1/platforms/{platform}/rejected": PLATFORM,
    "GET /api/v1/platforms/{platform}/rejected/reasons": PLATFORM,
    "GET /api/v1/models": ADMIN,
    "GET /api/v1/models/{number}": ADMIN,
    "POST /api/v1/models/{number}/promote": ADMIN,
    "POST /api/v1/models/{number}/rollback": ADMIN,
    "GET /api/v1/comparisons": ADMIN,
    "POST /api/v1/comparisons": ADMIN,
    "GET /api/v1/comparisons/{number}": ADMIN,
    "GET /api/v1/account": SIGNED_IN,
    "PATCH /api/v1/account": ANY,
    "GET /api/v1/account/export": ANY,
    "POST /api/v1/account/confirm": ANY,
    "POST /api/v1/account/password": SIGNED_IN,
    "GET /api/v1/account/sessions": ANY,
    "DELETE /api/v1/account/sessions": ANY,
    "DELETE /api/v1/account/sessions/{id}": ANY,
    "GET /api/v1/account/tokens": ANY,
    "POST /api/v1/account/tokens": ANY,
    "DELETE /api/v1/account/tokens": ANY,
    "DELETE /api/v1/account/tokens/{number}": ANY,
    "GET /api/v1/users": ADMIN,
    "POST /api/v1/users": ADMIN,
    "GET /api/v1/users/{number}": ADMIN,
    "PATCH /api/v1/users/{number}": ADMIN,
    "POST /api/v1/users/{number}/approve": ADMIN,
    "POST /api/v1/users/{number}/disable": ADMIN,
    "POST /api/v1/users/{number}/enable": ADMIN,
    "POST /api/v1/users/{number}/reset-password": ADMIN,
    "DELETE /api/v1/users/{number}/second-factor": ADMIN,
    "POST /api/v1/users/{number}/sign-out": ADMIN,
    "GET /api/v1/users/{number}/tokens": ADMIN,
    "DELETE /api/v1/users/{number}/tokens": ADMIN,
    "DELETE /api/v1/users/{number}/tokens/{token}": ADMIN,
    "GET /api/v1/users/{number}/export": ADMIN,
    "POST /api/v1/users/{number}/erase": ADMIN,
    "GET /api/v1/authors/export": ADMIN,
    "POST /api/v1/authors/erasures": ADMIN,
    "GET /api/v1/authors/erasures": ADMIN,
    "GET /api/v1/authors/erasures/{number}": ADMIN,
    "GET /api/v1/audit": ADMIN,
    # The pages.
    "GET /admin/static/{path}": EVERYBODY,
    "GET /admin/static/vendor/{path:path}": EVERYBODY,
    "GET /admin/login": EVERYBODY,
    "POST /admin/login": EVERYBODY,
    "GET /admin/login/code": EVERYBODY,
    "POST /admin/login/code": EVERYBODY,
    "GET /admin/sso": EVERYBODY,
    "GET /admin/sso/callback": EVERYBODY,
    "GET /admin/sso/confirm": ANY,
    "GET /admin/second-factor": ANY,
    "POST /admin/second-factor/begin": ANY,
    "POST /admin/second-factor/confirm": ANY,
    "POST /admin/second-factor/codes": ANY,
    "POST /admin/second-factor/off": ANY,
    "GET /admin/sign-up": EVERYBODY,
    "POST /admin/sign-up": EVERYBODY,
    "POST /admin/logout": EVERYBODY,  # Redirects to the sign-in page in any case.
    "GET /admin/confirm": ANY,
    "POST /admin/confirm": ANY,
    "GET /admin/password": SIGNED_IN,
    "POST /admin/password": SIGNED_IN,
    "GET /admin/": ANY,
    "GET /admin/detect": USER,
    "GET /admin/analytics": USER,
    "GET /admin/review": REVIEWER,
    "GET /admin/reviews": REVIEWER,
    "GET /admin/comments": REVIEWER,
    "GET /admin/comments-count": REVIEWER,
    "GET /admin/comments-export.csv": REVIEWER,
    "GET /admin/comments/{platform}": REVIEWER,
    "GET /admin/comments/{platform}/{id:anything}": REVIEWER,
    "GET /admin/platforms": PLATFORM,
    "GET /admin/platforms/{platform:str}": PLATFORM,
    "GET /admin/notices": ADMIN,
    "GET /admin/notices/new": ADMIN,
    "POST /admin/notices/new": ADMIN,
    "GET /admin/notices/{number:int}": ADMIN,
    "POST /admin/notices/{number:int}": ADMIN,
    "POST /admin/notices/{number:int}/{action:str}": ADMIN,
    "GET /admin/dead-letters": ADMIN,
    "POST /admin/dead-letters": ADMIN,
    "GET /admin/dead-letters/{number:int}": ADMIN,
    "GET /admin/models": ADMIN,
    "GET /admin/models/{number:int}/promote": ADMIN,
    "POST /admin/models/{number:int}/promote": ADMIN,
    "POST /admin/models/{number:int}/rollback": ADMIN,
    "GET /admin/models/comparisons": ADMIN,
    "POST /admin/models/comparisons": ADMIN,
    "GET /admin/models/comparisons/{number:int}": ADMIN,
    "GET /admin/account": ANY,
    "POST /admin/account/export": ANY,
    "POST /admin/account/details": ANY,
    "POST /admin/account/review": ANY,
    "POST /admin/account/sessions/end": ANY,
    "POST /admin/account/tokens": ANY,
    "POST /admin/account/tokens/revoke": ANY,
    "POST /admin/account/tokens/{number:int}/revoke": ANY,
    "GET /admin/users": ADMIN,
    "GET /admin/users/new": ADMIN,
    "POST /admin/users/new": ADMIN,
    "GET /admin/users/{number:int}": ADMIN,
    "POST /admin/users/{number:int}": ADMIN,
    "POST /admin/users/{number:int}/{action:str}": ADMIN,
    "POST /admin/users/{number:int}/tokens/{token:int}/revoke": ADMIN,
    "GET /admin/privacy": ADMIN,
    "POST /admin/privacy": ADMIN,
    "GET /admin/privacy/export": ADMIN,
    "GET /admin/audit": ADMIN,
    "GET /admin/audit/export.csv": ADMIN,
}
# Routes that require a session or a confirmed session, regardless of the role. Pages never accept tokens; their forms
# that require a confirmed session are in tests/api/test_confirmation.py.
SESSION, CONFIRMED = "session", "confirmed session"
NEEDS: dict[str, str] = {
    "POST /api/v1/account/confirm": SESSION,
    "POST /api/v1/account/password": SESSION,
    "DELETE /api/v1/account/sessions": SESSION,
    "DELETE /api/v1/account/sessions/{id}": SESSION,
    "POST /api/v1/account/tokens": CONFIRMED,
    "GET /api/v1/account/export": CONFIRMED,
    "DELETE /api/v1/account/tokens": SESSION,
    "DELETE /api/v1/account/tokens/{number}": SESSION,
    "POST /api/v1/users": CONFIRMED,
    "PATCH /api/v1/users/{number}": CONFIRMED,
    "POST /api/v1/users/{number}/approve": CONFIRMED,
    "POST /api/v1/users/{number}/disable": CONFIRMED,
    "POST /api/v1/users/{number}/enable": CONFIRMED,
    "POST /api/v1/users/{number}/reset-password": CONFIRMED,
    "DELETE /api/v1/users/{number}/second-factor": CONFIRMED,
    "GET /api/v1/users/{number}/export": CONFIRMED,
    "POST /api/v1/users/{number}/erase": CONFIRMED,
    "POST /api/v1/authors/erasures": CONFIRMED,
    "POST /api/v1/users/{number}/sign-out": SESSION,
    "DELETE /api/v1/users/{number}/tokens": SESSION,
    "DELETE /api/v1/users/{number}/tokens/{token}": SESSION,
    "POST /admin/account/export": CONFIRMED,
    "POST /admin/users/new": CONFIRMED,
    "POST /admin/second-factor/begin": CONFIRMED,
    "POST /admin/second-factor/confirm": CONFIRMED,
    "POST /admin/second-factor/codes": CONFIRMED,
    "POST /admin/second-factor/off": CONFIRMED,
    "POST /admin/privacy": CONFIRMED,
}
# Values for path parameters. None of them exists, so that nothing is changed.
SAMPLES = {
    "number": "999999",
    "token": "999999",
    "id": "0" * 64,
    "platform": "forum",
    "action": "nothing",
    "path": "nothing.txt",
}


class Kind(StrEnum):
    """The kind of account."""

    NOBODY = "nobody"
    WAITING = "waiting"
    DISABLED = "disabled"
    ONE_USE = "with a password for one use"
    PLATFORM = "platform"
    USER = "user"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Credential(StrEnum):
    """The credential of a request."""

    TOKEN = "token"
    UNCONFIRMED = "unconfirmed session"
    CONFIRMED = "confirmed session"


@dataclass(frozen=True)
class Asker:
    """An account of a kind with a credential. ``person`` is None for nobody."""

    kind: Kind
    person: Person | None
    credential: Credential


def test_every_route_stands_in_the_table(api: Api) -> None:
    there = set(routes_of(api.app.routes))
    assert there - set(ROUTES) == set(), "add a line to ROUTES for each"
    assert set(ROUTES) - there == set(), "these are gone"


def routes_of(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Yield every route, including those of routers and mounted applications, as `METHOD path`."""
    for route in routes:
        router = getattr(route, "original_router", None)
        path = prefix + getattr(route, "path", "")
        inner: Any = router.routes if router is not None else getattr(route, "routes", None)
        if isinstance(route, Mount) and not inner:
            yield f"GET {path}/{{path}}"
        elif inner:
            yield from routes_of(inner, prefix if router is not None else path)
        else:
            methods = set(getattr(route, "methods", None) or {"GET"})
            yield from (f"{method} {path}" for method in methods - {"HEAD", "OPTIONS"})


@pytest.mark.parametrize("credential", Credential)
@pytest.mark.parametrize("kind", Kind)
async def test_the_answer_is_as_the_table_says(api: Api, kind: Kind, credential: Credential) -> None:
    asker = Asker(kind, await _person(api, kind), credential)
    wrong = []
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://liuyan.test") as client:
        headers = await _headers(api, asker)
        for route, access in ROUTES.items():
            method, path = route.split(" ")
            client.cookies.clear()
            address = re.sub(r"\{(\w+)[^}]*\}", lambda m: SAMPLES[m[1]], path)
            answer = await client.request(method, address, headers=headers)
            if method != "GET":  # It may have ended the credential, or all of them.
                headers = await _headers(api, asker)
            if fault := _fault(answer, asker, route, access):
                wrong.append(f"{route}: {fault}")
    assert wrong == []


async def _person(api: Api, kind: Kind) -> Person | None:
    now = api.clock()
    match kind:
        case Kind.NOBODY:
            return None
        case Kind.WAITING:
            return await add_person(api.store, kind, Role.ADMIN, now=now, state="waiting")
        case Kind.DISABLED:
            return await add_person(api.store, kind, Role.ADMIN, now=now, state="disabled")
        case Kind.ONE_USE:
            return await add_person(api.store, kind, Role.ADMIN, now=now, must_change_password=True)
        case _:
            platform = SAMPLES["platform"] if kind is Kind.PLATFORM else None
            return await add_person(api.store, f"one {kind}", Role(kind), now=now, platform=platform)


async def _headers(api: Api, asker: Asker) -> dict[str, str]:
    """Return the headers of a request with a new credential."""
    if asker.person is None:
        return session_headers("")
    if asker.credential is Credential.TOKEN:
        return session_headers("") | {"Authorization": f"Bearer {await _new_token(api, asker.person)}"}
    return session_headers(await _new_session(api, asker.person, asker.credential is Credential.CONFIRMED))


async def _new_session(api: Api, person: Person, confirmed: bool) -> str:
    secret, now = new_secret(), api.clock()
    until, confirmed_at = now + timedelta(days=1), now if confirmed else None
    async with api.store.writing() as session:
        added = LoginSession(digest_of(secret), person.number, now, now, until, None, None, confirmed_at)
        await add_session(session, added)
    return secret


async def _new_token(api: Api, person: Person) -> str:
    token = new_token()
    async with api.store.writing() as session:
        await add_token(session, person.number, digest_of(token), "for a route", person.role, api.clock(), None)
    return token


def _fault(answer: httpx.Response, asker: Asker, route: str, access: str) -> str | None:
    """Return how a response differs from the table; None if it does not."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:300]}"
    found = _outcome(answer)
    wanted = _wanted(asker, route, access)
    return None if found == wanted else f"{found} instead of {wanted}"


def _wanted(asker: Asker, route: str, access: str) -> str:
    is_page = "/api/" not in route
    if access == EVERYBODY:
        return "allowed"
    token = asker.credential is Credential.TOKEN
    if asker.kind in (Kind.NOBODY, Kind.WAITING, Kind.DISABLED) or (is_page and token):
        return "sign in" if is_page else "401"
    if token and asker.kind is Kind.ONE_USE:
        return "401"
    if is_page and asker.kind is Kind.ONE_USE and access != SIGNED_IN:
        return "change the password"
    if (needed := NEEDS.get(route)) and (token or asker.credential.value != needed == CONFIRMED):
        return "403"
    if token and asker.kind is Kind.PLATFORM and access in (ANY, SIGNED_IN):
        return "403"  # A token of a platform may belong to an admin, whose contacts its holder must not see.
    if access == SIGNED_IN:
        return "allowed"
    if asker.kind is Kind.ONE_USE:
        return "403"
    assert asker.person is not None
    return "allowed" if access == ANY or asker.person.role.includes(Role(access)) else "403"


def _outcome(answer: httpx.Response) -> str:
    if answer.request.url.path.startswith("/admin/login"):  # Answers 401 to a wrong name or password.
        return "allowed"
    location = answer.headers.get("location", "")
    if location.startswith("/admin/login") and answer.request.url.path != "/admin/logout":
        return "sign in"
    if location.startswith("/admin/password"):
        return "change the password"
    return str(answer.status_code) if answer.status_code in (401, 403) else "allowed"
