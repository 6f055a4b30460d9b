"""Request and response schemas for accounts, sessions and tokens."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.identity.passwords import MAXIMUM, MINIMUM
from api.identity.review_settings import LONGEST_REASON, MOST_REASONS, NumberKeys
from api.identity.roles import Role
from api.identity.tokens import LONGEST_DAYS
from api.problems import WITHOUT_CONTROL, WITHOUT_NUL
from store.accounts import State
from store.types import LARGEST_NUMBER

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=WITHOUT_NUL,
        description="The account's name; case and character width do not matter.",
        examples=["小王"],
    ),
]
Phone = Annotated[
    str | None,
    Field(
        max_length=32, pattern=WITHOUT_NUL, description="Phone number, stored encrypted.", examples=["+86 10 5555 0100"]
    ),
]
Email = Annotated[
    str | None,
    Field(
        max_length=254, pattern=WITHOUT_NUL, description="E-mail address, stored encrypted.", examples=["w@example.com"]
    ),
]
NewPassword = Annotated[
    str,
    Field(
        max_length=MAXIMUM,
        description=f"At least {MINIMUM} characters, without the name, and not easy to guess.",
        examples=["七月 木头 飞机 牛奶糖"],
    ),
]
Password = Annotated[
    str, Field(max_length=MAXIMUM, description="The current password.", examples=["seven-quiet-lanterns"])
]
RoleField = Annotated[
    Role,
    Field(
        description="The role: `reviewer` may do what `user` may, `admin` may do everything, and `platform` reads the "
        "labels, trend and rejected events of one platform and nothing else."
    ),
]
PlatformField = Annotated[
    str | None,
    Field(
        max_length=32,
        pattern=WITHOUT_CONTROL,
        description="The platform that the role `platform` reads; null for other roles.",
        examples=["forum"],
    ),
]
Language = Annotated[
    Literal["zh", "en"] | None, Field(description="The language of the pages, unless the browser has chosen one.")
]

NumberKeysField = Annotated[
    NumberKeys,
    Field(
        description="What the number keys of the review page do: `save` the label at once, or choose it for Enter to "
        "`confirm`.",
        examples=["save"],
    ),
]
QuickReason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=WITHOUT_CONTROL)]
QuickReasons = Annotated[
    list[QuickReason],
    Field(
        max_length=MOST_REASONS,
        description="Reasons that the review page offers as buttons; spaces around them and repeated ones are dropped.",
        examples=[["反话", "广告"]],
    ),
]


class Account(BaseModel):
    """The caller's account."""

    number: int = Field(description="The account's number.", examples=[3])
    name: Name
    role: RoleField
    account_role: Role = Field(description="The role of the account. `role` is lower if the token's role is.")
    platform: PlatformField
    phone: Phone
    email: Email
    contacts_kept: bool = Field(description="Whether phone and e-mail can be stored, which requires an encryption key.")
    language: Language
    number_keys: NumberKeysField
    quick_reasons: QuickReasons
    must_change_password: bool = Field(description="Whether the password must be changed before anything else.")
    created_at: datetime = Field(description="When the account was created.")
    last_sign_in_at: datetime | None = Field(description="When its owner last signed in.")
    password_changed_at: datetime = Field(description="When the password was last changed.")
    second_factor: bool = Field(description="Whether signing in with the password also requires a code.")
    signed_in_with: Literal["password", "sso"] | None = Field(
        description="How the session was opened: with a password or with single sign-on; null for a token.",
        examples=["password"],
    )
    confirmed_seconds: int = Field(
        description="Seconds until the session's confirmation expires; 0 for a token.", examples=[600]
    )


class AccountChange(BaseModel):
    """A change of the caller's account. Fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    phone: Phone = None
    email: Email = None
    language: Language = None
    number_keys: NumberKeysField = "save"
    quick_reasons: QuickReasons = []


class PasswordChange(BaseModel):
    """A new password, with the current one."""

    model_config = ConfigDict(extra="forbid")

    current_password: Password
    new_password: NewPassword
    revoke_tokens: bool = Field(True, description="Whether to revoke all of the account's tokens.")


class Confirmation(BaseModel):
    """The account's password."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class SessionShown(BaseModel):
    """A session in a browser."""

    id: str = Field(description="The session's id, which is not its secret.", examples=["9f" * 32])
    current: bool = Field(description="Whether this request uses the session.")
    created_at: datetime = Field(description="When the session was opened.")
    seen_at: datetime = Field(description="When a request last used the session, to the minute.")
    expires_at: datetime = Field(description="When the session ends at the latest.")
    address: str | None = Field(description="The address that opened the session.", examples=["192.0.2.7"])
    user_agent: str | None = Field(
        description="The browser's user agent.", examples=["Mozilla/5.0 (X11; Linux x86_64)"]
    )


class Sessions(BaseModel):
    """Sessions, most recently used first."""

    items: list[SessionShown] = Field(description="The active sessions.")


class TokenShown(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The token's number.", examples=[12])
    name: str = Field(description="The token's purpose.", examples=["nightly export"])
    role: RoleField
    platform: PlatformField
    created_at: datetime = Field(description="When the token was created.")
    expires_at: datetime | None = Field(description="When the token expires.")
    used_at: datetime | None = Field(description="When the token was last used, to the minute.")


class Tokens(BaseModel):
    """Tokens, newest first."""

    items: list[TokenShown] = Field(description="The tokens that are not revoked.")


class TokenRequest(BaseModel):
    """A token to create."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=WITHOUT_CONTROL,
        description="The token's purpose.",
        examples=["nightly export"],
    )
    role: RoleField
    platform: PlatformField = None
    days: int = Field(90, ge=1, le=LONGEST_DAYS, description="Days until the token expires.", examples=[90])


class NewToken(BaseModel):
    """A new token. This is the only response that contains its secret."""

    token: TokenShown
    secret: str = Field(
        description="Send it in the header `Authorization: Bearer …`. Store it: it is not shown again.",
        examples=["liuyan_…"],
    )


class User(BaseModel):
    """An account as admins see it."""

    number: int = Field(description="The account's number.", examples=[3])
    name: Name
    role: RoleField
    platform: PlatformField
    state: State = Field(description="Only active accounts can sign in.", examples=["active"])
    phone: Phone
    email: Email
    language: Language
    must_change_password: bool = Field(description="Whether the password is temporary.")
    created_at: datetime = Field(description="When the account was created.")
    last_sign_in_at: datetime | None = Field(description="When its owner last signed in.")


class UserPage(BaseModel):
    """A page of accounts, newest first."""

    items: list[User] = Field(description="The accounts.")
    next: int | None = Field(
        description="Pass this as `after` to get the next page; null on the last page.", examples=[17]
    )


class UserQuery(BaseModel):
    """Which accounts to list."""

    model_config = ConfigDict(extra="forbid")

    search: str | None = Field(None, max_length=64, pattern=WITHOUT_NUL, description="Part of the name.")
    role: Role | None = Field(None, description="Only accounts with this role.")
    state: State | None = Field(None, description="Only accounts in this state.", examples=["waiting"])
    after: int | None = Field(None, ge=0, le=LARGEST_NUMBER, description="`next` of the previous page.")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of accounts on a page.", examples=[50])


class UserRequest(BaseModel):
    """An account to create."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    password: NewPassword
    role: RoleField = Role.USER
    platform: PlatformField = None
    phone: Phone = None
    email: Email = None
    must_change_password: bool = Field(
        True, description="Whether the password is temporary, so that only the account's owner knows the final one."
    )


class UserChange(BaseModel):
    """A change of an account. Fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    role: Role | None = Field(None, description="The new role.")
    platform: PlatformField = None
    phone: Phone = None
    email: Email = None


class TemporaryPassword(BaseModel):
    """A temporary password. This is the only response that contains it."""

    password: str = Field(
        description="Give it to the account's owner, who must change it at the next sign-in, within 72 hours.",
        examples=["8fh2-kq7w-z4mn-p3xd"],
    )


class SignedOut(BaseModel):
    """The result of a sign-out."""

    sessions_ended: int = Field(description="Number of sessions ended.", examples=[2])
    tokens_revoked: int = Field(description="Number of tokens revoked; 0 unless `revoke_tokens` is true.", examples=[0])


class TokensRevoked(BaseModel):
    """The result of revoking all tokens of an account."""

    tokens_revoked: int = Field(description="Number of tokens revoked.", examples=[2])
