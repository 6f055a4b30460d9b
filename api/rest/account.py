"""/api/v1/account: the caller's own account, password, sessions and tokens.

A token can read everything and change only the language and the review settings. Other changes require a session, and
changes that grant access a confirmed one.
"""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity import accounts, confirmation, cookies, known_browsers, review_settings, sign_in, tokens
from api.identity.confirmation import ConfirmedOwner, OwnerWithSession, SignedInWithSession
from api.identity.identity import AsAnyRole, Identity, SignedIn
from api.identity.roles import Role
from api.identity.sign_in import Browser
from api.person_exports import MEDIA_TYPE, send_account
from api.problems import REFUSALS, ProblemError, documented
from api.rest.account_schemas import (
    Account,
    AccountChange,
    Confirmation,
    NewToken,
    PasswordChange,
    Sessions,
    SessionShown,
    SignedOut,
    TokenRequest,
    Tokens,
    TokenShown,
    TokensRevoked,
)
from api.services import Services, TheServices
from store import login_sessions as stored_sessions
from store import tokens as stored_tokens
from store.second_factors import find_second_factor
from store.types import LARGEST_NUMBER

SessionId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The session's id.", examples=["9f" * 32])]
TokenNumber = Annotated[int, Path(ge=0, le=LARGEST_NUMBER, description="The token's number.", examples=[12])]
COMMON = (*REFUSALS, HTTPStatus.SERVICE_UNAVAILABLE)
RevokeTokens = Annotated[bool, Query(description="Whether to also revoke all tokens of the account.")]
CHANGES = (*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)

EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One JSON object per line: the account, its sessions, tokens, reviews, records in the audit "
        "log, and the texts that it stored.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/api/v1/account", tags=["account"], route_class=GuardedRoute)


@router.get("", summary="Get my account", responses=documented(*COMMON))
async def get_account(services: TheServices, identity: SignedIn) -> Account:
    """Return the caller's account and role."""
    return await _account(services, identity)


@router.patch("", summary="Change my contacts or settings", responses=documented(*CHANGES))
async def change_account(services: TheServices, identity: AsAnyRole, change: AccountChange) -> Account:
    """Change phone, e-mail, language or the review settings; an empty string or list removes a value.

    Phone and e-mail require a session confirmed within the last 15 minutes (`POST /api/v1/account/confirm`).
    """
    changes = change.model_dump(exclude_unset=True)
    if "quick_reasons" in changes:
        changes["quick_reasons"] = "\n".join(changes["quick_reasons"])
    if accounts.CONTACTS & changes.keys():
        confirmation.require_confirmed(identity, services.now())
    await accounts.edit_user(services, identity.actor, identity.user_number, changes)
    return await _account(services, identity)


@router.get(
    "/export",
    summary="Export my data",
    response_class=StreamingResponse,
    responses=EXPORTED | documented(*COMMON),
)
async def export_own_account(services: TheServices, identity: ConfirmedOwner) -> StreamingResponse:
    """Export everything that is stored about the caller's account, as JSON lines. The audit log records it.

    Requires a session confirmed within the last 15 minutes.
    """
    return await send_account(services, identity.actor, identity.user_number)


@router.post(
    "/confirm",
    summary="Confirm my password",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
async def confirm_password(
    services: TheServices, identity: OwnerWithSession, request: Request, response: Response, given: Confirmation
) -> None:
    """Confirm the session for 15 minutes with the account's password. The response sets a new cookie.

    Changes that grant access require this: creating tokens and accounts, resetting passwords, changing roles and
    contacts. Signing in also confirms the session. A session of single sign-on has no password (409): the page
    /admin/confirm confirms it.
    """
    secret = await confirmation.confirm(services, identity, given.password)
    cookies.write_session(request, response, secret, sign_in.lifetime_of(services))


@router.post(
    "/password",
    summary="Change my password",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
async def change_password(
    services: TheServices, identity: SignedInWithSession, request: Request, response: Response, change: PasswordChange
) -> None:
    """Change the password.

    All sessions end, and the response sets the cookie of a new one. Tokens are revoked unless `revoke_tokens` is false.
    """
    browser = Browser(identity.address, request.headers.get("user-agent"))
    current, new, keep = change.current_password, change.new_password, not change.revoke_tokens
    opened = await accounts.change_password(services, identity, browser, current, new, keep_tokens=keep)
    cookies.write_session(request, response, opened.secret, sign_in.lifetime_of(services))
    known_browsers.remember(services, opened.user, request, response)


@router.get("/sessions", summary="List my sessions", responses=documented(*COMMON))
async def get_sessions(services: TheServices, identity: AsAnyRole) -> Sessions:
    """List the caller's active sessions, most recently used first."""
    async with services.store.reading() as connection:
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


@router.delete("/sessions", summary="End my other sessions", responses=documented(*CHANGES))
async def end_other_sessions(
    services: TheServices, identity: OwnerWithSession, revoke_tokens: RevokeTokens = False
) -> SignedOut:
    """End all of the caller's sessions except this one. Tokens stay valid unless `revoke_tokens` is true."""
    ended = await accounts.sign_out_everywhere(
        services, identity.actor, identity.user_number, but=identity.session, revoke_tokens=revoke_tokens
    )
    return SignedOut(sessions_ended=ended.sessions, tokens_revoked=ended.tokens)


@router.delete(
    "/sessions/{id}",
    summary="End a session",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.NOT_FOUND),
)
async def end_session(services: TheServices, identity: OwnerWithSession, id: SessionId) -> None:
    """End one of the caller's sessions, for example on a lost device."""
    if not await sign_in.sign_out(services, identity.actor, identity.user_number, bytes.fromhex(id)):
        detail = gettext("You have no such session: it has already ended.")
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_session", detail)


@router.get("/tokens", summary="List my tokens", responses=documented(*COMMON))
async def get_tokens(services: TheServices, identity: AsAnyRole) -> Tokens:
    """List the caller's bearer tokens, without their secrets."""
    async with services.store.reading() as connection:
        found = await stored_tokens.list_tokens(connection, identity.user_number)
    return Tokens(items=[TokenShown.model_validate(token) for token in found])


@router.post(
    "/tokens",
    summary="Create a token",
    status_code=201,
    responses=documented(*CHANGES, HTTPStatus.CONFLICT),
)
async def create_token(services: TheServices, identity: ConfirmedOwner, request: TokenRequest) -> NewToken:
    """Create a bearer token for a program. Its role cannot exceed the account's. Its secret is returned only once.

    Requires a session confirmed within the last 15 minutes. Scripts use `liuyan api create-token`.
    """
    new = tokens.NewToken(request.name, request.role, request.days, request.platform)
    token, secret = await tokens.create(services, identity.actor, identity.user_number, new, within=identity.session)
    return NewToken(token=TokenShown.model_validate(token), secret=secret)


@router.delete("/tokens", summary="Revoke all my tokens", responses=documented(*COMMON))
async def revoke_tokens(services: TheServices, identity: OwnerWithSession) -> TokensRevoked:
    """Revoke all of the caller's tokens. Programs that use them lose access."""
    return TokensRevoked(tokens_revoked=await tokens.revoke_all(services, identity.actor, identity.user_number))


@router.delete(
    "/tokens/{number}",
    summary="Revoke a token",
    status_code=204,
    responses=documented(*CHANGES, HTTPStatus.NOT_FOUND),
)
async def revoke_token(services: TheServices, identity: OwnerWithSession, number: TokenNumber) -> None:
    """Revoke one of the caller's tokens."""
    await tokens.revoke(services, identity.actor, identity.user_number, number)


async def _account(services: Services, identity: Identity) -> Account:
    user = await accounts.read_user(services, identity.user_number)
    factor = await services.store.read(find_second_factor, user.number)
    contacts = accounts.contacts_of(services)
    return Account(
        number=user.number,
        name=user.name,
        role=identity.role,
        account_role=Role(user.role),
        platform=identity.platform,
        phone=contacts.decrypt(user.phone_encrypted),
        email=contacts.decrypt(user.email_encrypted),
        contacts_kept=contacts.offered,
        language="zh" if user.language == "zh" else "en" if user.language == "en" else None,
        number_keys=review_settings.number_keys_of(user.number_keys),
        quick_reasons=review_settings.quick_reasons_of(user.quick_reasons),
        must_change_password=user.must_change_password,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
        password_changed_at=user.password_changed_at,
        second_factor=factor is not None and factor.confirmed_at is not None,
        signed_in_with=identity.opened_by if identity.via == "session" else None,
        confirmed_seconds=confirmation.seconds_left(identity, services.now()),
    )
