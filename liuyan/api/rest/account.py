"""/api/v1/account: one's own account, password, sessions and tokens."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette_admin.i18n import gettext

from liuyan.api.guard import GuardedRoute
from liuyan.api.identity import accounts, cookies, sign_in, tokens
from liuyan.api.identity.identity import AsUser, Identity, SignedIn
from liuyan.api.identity.roles import Role
from liuyan.api.identity.sign_in import Browser
from liuyan.api.problems import REFUSALS, ProblemError, documented
from liuyan.api.rest.account_schemas import (
    LARGEST_NUMBER,
    Account,
    AccountChange,
    NewToken,
    PasswordChange,
    Sessions,
    SessionShown,
    SignedOut,
    TokenRequest,
    Tokens,
    TokenShown,
)
from liuyan.api.services import QUERY_SECONDS, Services, TheServices
from liuyan.store import sessions as stored_sessions
from liuyan.store import tokens as stored_tokens

SessionId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The session's id.", examples=["9f" * 32])]
TokenNumber = Annotated[int, Path(ge=0, le=LARGEST_NUMBER, description="The token's number.", examples=[12])]
COMMON = (*REFUSALS, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGES = (*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)

router = APIRouter(prefix="/api/v1/account", tags=["account"], route_class=GuardedRoute)


@router.get("", summary="Who am I", responses=documented(*COMMON))
async def get_account(services: TheServices, identity: SignedIn) -> Account:
    """Tell who asks, and what they may do."""
    return await _account(services, identity)


@router.patch("", summary="Change my contacts or language", responses=documented(*CHANGES))
async def change_account(services: TheServices, identity: AsUser, change: AccountChange) -> Account:
    """Change phone, e-mail or language; an empty string or null takes one away."""
    async with asyncio.timeout(QUERY_SECONDS):
        changes = change.model_dump(exclude_unset=True)
        await accounts.edit_user(services, identity.actor, identity.user_number, changes)
    return await _account(services, identity)


@router.post(
    "/password",
    summary="Change my password",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.TOO_MANY_REQUESTS),
)
async def change_password(
    services: TheServices, identity: SignedIn, request: Request, response: Response, change: PasswordChange
) -> None:
    """Change the password. All sessions end; who asks with one gets a new cookie."""
    browser = Browser(identity.address, request.headers.get("user-agent"))
    secret = await accounts.change_password(
        services, identity.actor, browser, change.current_password, change.new_password, stay=identity.via == "session"
    )
    if secret is not None:
        cookies.write_session(request, response, secret, sign_in.lifetime_of(services))


@router.get("/sessions", summary="List my sessions", responses=documented(*COMMON))
async def get_sessions(services: TheServices, identity: AsUser) -> Sessions:
    """List the browsers in which I am signed in."""
    async with asyncio.timeout(QUERY_SECONDS), services.store.reading() as connection:
        found = await stored_sessions.list_sessions(
            connection, identity.user_number, services.now(), sign_in.idle_of(services)
        )
    return Sessions(
        items=[
            SessionShown(
                id=session.digest.hex(),
                current=session.digest == identity.session,
                created_at=session.created_at,
                seen_at=session.seen_at,
                expires_at=session.expires_at,
                address=session.address,
                user_agent=session.user_agent,
            )
            for session in found
        ]
    )


@router.delete("/sessions", summary="Sign out everywhere else", responses=documented(*COMMON))
async def end_other_sessions(services: TheServices, identity: AsUser) -> SignedOut:
    """End all my sessions but the one that asks."""
    ended = await accounts.sign_out_everywhere(services, identity.actor, identity.user_number, but=identity.session)
    return SignedOut(sessions_ended=ended)


@router.delete(
    "/sessions/{id}",
    summary="End a session",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.NOT_FOUND),
)
async def end_session(services: TheServices, identity: AsUser, id: SessionId) -> None:
    """End one of my sessions, on a machine that I lost for example."""
    if not await sign_in.sign_out(services, identity.actor, identity.user_number, bytes.fromhex(id)):
        detail = gettext("You have no such session: it ended already.")
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_session", detail)


@router.get("/tokens", summary="List my tokens", responses=documented(*COMMON))
async def get_tokens(services: TheServices, identity: AsUser) -> Tokens:
    """List my bearer tokens, without their secrets."""
    async with asyncio.timeout(QUERY_SECONDS), services.store.reading() as connection:
        found = await stored_tokens.list_tokens(connection, identity.user_number)
    return Tokens(items=[TokenShown.model_validate(token) for token in found])


@router.post(
    "/tokens",
    summary="Make a token",
    status_code=201,
    responses=documented(*CHANGES, HTTPStatus.CONFLICT),
)
async def create_token(services: TheServices, identity: AsUser, wanted: TokenRequest) -> NewToken:
    """Make a bearer token for a program, with a role of at most mine. Its secret is shown this once."""
    token, secret = await tokens.create(services, identity.actor, identity.role, wanted.name, wanted.role, wanted.days)
    return NewToken(token=TokenShown.model_validate(token), secret=secret)


@router.delete(
    "/tokens/{number}",
    summary="Revoke a token",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.NOT_FOUND),
)
async def revoke_token(services: TheServices, identity: AsUser, number: TokenNumber) -> None:
    """Revoke one of my tokens: it does nothing from now on."""
    await tokens.revoke(services, identity.actor, number)


async def _account(services: Services, identity: Identity) -> Account:
    async with asyncio.timeout(QUERY_SECONDS):
        user = await accounts.read_user(services, identity.user_number)
    contacts = accounts.contacts_of(services)
    return Account(
        number=user.number,
        name=user.name,
        role=identity.role,
        account_role=Role(user.role),
        phone=contacts.decrypt(user.phone_encrypted),
        email=contacts.decrypt(user.email_encrypted),
        contacts_kept=contacts.offered,
        language="zh" if user.language == "zh" else "en" if user.language == "en" else None,
        must_change_password=user.must_change_password,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
        password_changed_at=user.password_changed_at,
    )
