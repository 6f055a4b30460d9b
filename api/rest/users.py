"""/api/v1/users: all accounts, for admins.

A token can read but not change accounts. Changes that grant or remove access require a confirmed session; ending
sessions and revoking tokens require any session.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import StreamingResponse

from api.guard import GuardedRoute
from api.identity import account_erasure, accounts, second_factor, tokens
from api.identity.accounts import Form
from api.identity.confirmation import AdminWithSession, ConfirmedAdmin
from api.identity.contacts import Contacts
from api.identity.identity import AsAdmin, Identity
from api.identity.roles import Role
from api.person_exports import send_account
from api.problems import REFUSALS, documented
from api.rest.account import EXPORTED, RevokeTokens, TokenNumber
from api.rest.account_schemas import (
    SignedOut,
    TemporaryPassword,
    Tokens,
    TokenShown,
    TokensRevoked,
    User,
    UserChange,
    UserPage,
    UserQuery,
    UserRequest,
)
from api.rest.author_schemas import AccountErased
from api.services import Services, TheServices
from store import accounts as stored
from store import tokens as stored_tokens
from store.accounts import UserFilter
from store.types import LARGEST_NUMBER

Number = Annotated[int, Path(ge=0, le=LARGEST_NUMBER, description="The account's number.", examples=[3])]
READ = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
ONE = documented(*REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGE = ONE | documented(HTTPStatus.CONFLICT)

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=GuardedRoute)


@router.get("", summary="List accounts", responses=READ)
async def get_users(services: TheServices, identity: AsAdmin, query: Annotated[UserQuery, Query()]) -> UserPage:
    """List accounts, newest first. Pass `next` as `after` to get the next page."""
    filter = UserFilter(query.search, query.role, query.state)
    async with services.store.reading() as connection:
        found, following = await stored.list_users(connection, filter, query.after, query.limit)
    await accounts.record_contacts_read(services, identity, found)
    contacts = accounts.contacts_of(services)
    return UserPage(items=[_to_schema(user, contacts) for user in found], next=following)


@router.post("", summary="Create an account", status_code=201, responses=READ | documented(HTTPStatus.CONFLICT))
async def create_user(services: TheServices, identity: ConfirmedAdmin, request: UserRequest) -> User:
    """Create an active account with the given role and password."""
    form = Form(request.name, request.password, request.phone, request.email, platform=request.platform)
    number = await accounts.create_user(
        services, identity.actor, form, request.role, must_change_password=request.must_change_password
    )
    return await _read(services, identity, number)


@router.get("/{number}", summary="Get an account", responses=ONE)
async def get_user(services: TheServices, identity: AsAdmin, number: Number) -> User:
    """Return an account, including its contacts. The audit log records that they were read."""
    return await _read(services, identity, number)


@router.patch("/{number}", summary="Change an account", responses=CHANGE)
async def change_user(services: TheServices, identity: ConfirmedAdmin, number: Number, change: UserChange) -> User:
    """Change name, role, platform, phone or e-mail. The last admin stays admin.

    A lower role or another platform revokes the account's tokens.
    """
    changes = change.model_dump(exclude_unset=True)
    changes = {field: value for field, value in changes.items() if value is not None or field in ("phone", "email")}
    await accounts.edit_user(services, identity.actor, number, changes)
    return await _read(services, identity, number)


@router.post("/{number}/approve", summary="Approve an account", responses=CHANGE)
async def approve_user(services: TheServices, identity: ConfirmedAdmin, number: Number) -> User:
    """Approve an account that signed up and is waiting for approval."""
    await accounts.approve(services, identity.actor, number)
    return await _read(services, identity, number)


@router.post("/{number}/disable", summary="Disable an account", responses=CHANGE)
async def disable_user(services: TheServices, identity: ConfirmedAdmin, number: Number) -> User:
    """Disable an account, end its sessions and revoke its tokens. The last admin cannot be disabled."""
    await accounts.disable(services, identity.actor, number)
    return await _read(services, identity, number)


@router.post("/{number}/enable", summary="Enable an account", responses=CHANGE)
async def enable_user(services: TheServices, identity: ConfirmedAdmin, number: Number) -> User:
    """Allow a disabled account to sign in again."""
    await accounts.enable(services, identity.actor, number)
    return await _read(services, identity, number)


@router.post("/{number}/reset-password", summary="Reset a password", responses=CHANGE)
async def reset_password(services: TheServices, identity: ConfirmedAdmin, number: Number) -> TemporaryPassword:
    """Set a temporary password, end the account's sessions and revoke its tokens.

    An account that signs in with single sign-on has no password.
    """
    password, _ = await accounts.reset_password(services, identity.actor, number)
    return TemporaryPassword(password=password)


@router.delete("/{number}/second-factor", summary="Reset a second factor", status_code=204, responses=ONE)
async def reset_second_factor(services: TheServices, identity: ConfirmedAdmin, number: Number) -> None:
    """Delete an account's second factor, because its owner has lost device and recovery codes. Its sessions end."""
    await second_factor.reset(services, identity.actor, number)


@router.get(
    "/{number}/export",
    summary="Export an account's data",
    response_class=StreamingResponse,
    responses=EXPORTED | ONE,
)
async def export_user(services: TheServices, identity: ConfirmedAdmin, number: Number) -> StreamingResponse:
    """Export everything that is stored about an account, as JSON lines. The audit log records it."""
    return await send_account(services, identity.actor, number)


@router.post("/{number}/erase", summary="Erase an account", responses=CHANGE)
async def erase_user(services: TheServices, identity: ConfirmedAdmin, number: Number) -> AccountErased:
    """Erase an account permanently. Its decisions remain under a name that does not identify the person.

    Consumers erase the texts that it stored from text detection. The last admin cannot be erased.
    """
    erased = await account_erasure.erase_account(services, identity.actor, number)
    return AccountErased(pseudonym=erased.pseudonym, request=erased.request)


@router.post("/{number}/sign-out", summary="End all sessions of an account", responses=ONE)
async def sign_out_user(
    services: TheServices, identity: AdminWithSession, number: Number, revoke_tokens: RevokeTokens = False
) -> SignedOut:
    """End all sessions of an account. Its tokens stay valid unless `revoke_tokens` is true."""
    ended = await accounts.sign_out_everywhere(services, identity.actor, number, revoke_tokens=revoke_tokens)
    return SignedOut(sessions_ended=ended.sessions, tokens_revoked=ended.tokens)


@router.get("/{number}/tokens", summary="List an account's tokens", responses=ONE)
async def get_user_tokens(services: TheServices, _: AsAdmin, number: Number) -> Tokens:
    """List an account's bearer tokens, without their secrets."""
    await accounts.read_user(services, number)
    found = await services.store.read(stored_tokens.list_tokens, number)
    return Tokens(items=[TokenShown.model_validate(token) for token in found])


@router.delete("/{number}/tokens", summary="Revoke all tokens of an account", responses=ONE)
async def revoke_user_tokens(services: TheServices, identity: AdminWithSession, number: Number) -> TokensRevoked:
    """Revoke all tokens of an account. Programs that use them lose access."""
    return TokensRevoked(tokens_revoked=await tokens.revoke_all(services, identity.actor, number))


@router.delete("/{number}/tokens/{token}", summary="Revoke a token of an account", status_code=204, responses=ONE)
async def revoke_user_token(
    services: TheServices, identity: AdminWithSession, number: Number, token: TokenNumber
) -> None:
    """Revoke one token of an account."""
    await tokens.revoke(services, identity.actor, number, token)


async def _read(services: Services, identity: Identity, number: int) -> User:
    user = await accounts.read_user(services, number)
    await accounts.record_contacts_read(services, identity, [user])
    return _to_schema(user, accounts.contacts_of(services))


def _to_schema(user: stored.User, contacts: Contacts) -> User:
    return User(
        number=user.number,
        name=user.name,
        role=Role(user.role),
        platform=user.platform,
        state=user.state,
        phone=contacts.decrypt(user.phone_encrypted),
        email=contacts.decrypt(user.email_encrypted),
        language="zh" if user.language == "zh" else "en" if user.language == "en" else None,
        must_change_password=user.must_change_password,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
    )
