"""The shapes of what people see and change of accounts: their own, and, as admins, all."""

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
        description="The name that the account is known by; case and width make no difference.",
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
        description=f"{MINIMUM} characters or more, without the name, and nothing that is tried first.",
        examples=["七月 木头 飞机 牛奶糖"],
    ),
]
Password = Annotated[
    str, Field(max_length=MAXIMUM, description="The password as it is.", examples=["seven-quiet-lanterns"])
]
RoleField = Annotated[Role, Field(description="What it may do: each role includes those before it.")]
Language = Annotated[
    Literal["zh", "en"] | None, Field(description="The language of the pages, where the browser has none chosen.")
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
    """Who asks, as this server knows them."""

    number: int = Field(description="The account's number.", examples=[3])
    name: Name
    role: RoleField
    account_role: Role = Field(description="The role of the account; a token's own may be less.")
    phone: Phone
    email: Email
    contacts_kept: bool = Field(description="Whether phone and e-mail can be stored: a key to encrypt them is set.")
    language: Language
    number_keys: NumberKeysField
    quick_reasons: QuickReasons
    must_change_password: bool = Field(description="Whether everything else waits for a new password.")
    created_at: datetime = Field(description="When the account was made.")
    last_sign_in_at: datetime | None = Field(description="When somebody last signed in with it.")
    password_changed_at: datetime = Field(description="When its password was last set.")
    confirmed_seconds: int = Field(
        description="For how many more seconds this session counts as confirmed; 0 for a token.", examples=[600]
    )


class AccountChange(BaseModel):
    """What to change of one's own account; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    phone: Phone = None
    email: Email = None
    language: Language = None
    number_keys: NumberKeysField = "save"
    quick_reasons: QuickReasons = []


class PasswordChange(BaseModel):
    """A new password, and the present one as proof."""

    model_config = ConfigDict(extra="forbid")

    current_password: Password
    new_password: NewPassword
    revoke_tokens: bool = Field(True, description="Whether to revoke all my tokens; false keeps them.")


class Confirmation(BaseModel):
    """The account's password, given again."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class SessionShown(BaseModel):
    """One browser that is signed in."""

    id: str = Field(description="What the session is known by; nobody signs in with it.", examples=["9f" * 32])
    current: bool = Field(description="Whether this request came with it.")
    created_at: datetime = Field(description="When somebody signed in.")
    seen_at: datetime = Field(description="When a request last came with it, to the minute.")
    expires_at: datetime = Field(description="When it ends at the latest.")
    address: str | None = Field(description="Where it was opened from.", examples=["192.0.2.7"])
    user_agent: str | None = Field(
        description="What the browser said of itself.", examples=["Mozilla/5.0 (X11; Linux x86_64)"]
    )


class Sessions(BaseModel):
    """Sessions, the one seen last first."""

    items: list[SessionShown] = Field(description="The sessions that are not over.")


class TokenShown(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The token's number.", examples=[12])
    name: str = Field(description="What it is for.", examples=["nightly export"])
    role: RoleField
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it ends.")
    used_at: datetime | None = Field(description="When it was last used, to the minute.")


class Tokens(BaseModel):
    """Tokens, the newest first."""

    items: list[TokenShown] = Field(description="The tokens that were not revoked.")


class TokenRequest(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1, max_length=64, pattern=WITHOUT_CONTROL, description="What it is for.", examples=["nightly export"]
    )
    role: RoleField
    days: int = Field(90, ge=1, le=LONGEST_DAYS, description="How many days it is good for.", examples=[90])


class NewToken(BaseModel):
    """A token that was just made; the only answer that ever holds its secret."""

    token: TokenShown
    secret: str = Field(
        description="Send it in the header `Authorization: Bearer …`. Keep it: it is not shown again.",
        examples=["liuyan_…"],
    )


class User(BaseModel):
    """An account as admins see it."""

    number: int = Field(description="The account's number.", examples=[3])
    name: Name
    role: RoleField
    state: State = Field(description="Only active accounts can do anything.", examples=["active"])
    phone: Phone
    email: Email
    language: Language
    must_change_password: bool = Field(description="Whether its password was made for one use.")
    created_at: datetime = Field(description="When the account was made.")
    last_sign_in_at: datetime | None = Field(description="When somebody last signed in with it.")


class UserPage(BaseModel):
    """A page of accounts, the newest first."""

    items: list[User] = Field(description="The accounts.")
    next: int | None = Field(description="Pass it as `after` for the next page; null on the last page.", examples=[17])


class UserQuery(BaseModel):
    """Which accounts to list."""

    model_config = ConfigDict(extra="forbid")

    search: str | None = Field(None, max_length=64, pattern=WITHOUT_NUL, description="A part of the name.")
    role: Role | None = Field(None, description="Only accounts with this role.")
    state: State | None = Field(None, description="Only accounts in this state.", examples=["waiting"])
    after: int | None = Field(None, ge=0, le=LARGEST_NUMBER, description="Where to go on: `next` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="How many accounts a page holds at most.", examples=[50])


class UserRequest(BaseModel):
    """An account to make."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    password: NewPassword
    role: RoleField = Role.USER
    phone: Phone = None
    email: Email = None
    must_change_password: bool = Field(
        True, description="Whether the password is for one use: two people know it otherwise."
    )


class UserChange(BaseModel):
    """What to change of an account; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    role: Role | None = Field(None, description="What it may do from now on.")
    phone: Phone = None
    email: Email = None


class TemporaryPassword(BaseModel):
    """A password for one use; the only answer that ever holds it."""

    password: str = Field(
        description="Tell it to the person: it must be changed at the first sign-in.", examples=["8fh2-kq7w-z4mn-p3xd"]
    )


class SignedOut(BaseModel):
    """What a sign-out ended."""

    sessions_ended: int = Field(description="How many sessions there were.", examples=[2])
    tokens_revoked: int = Field(description="How many tokens were revoked: 0 unless that was asked for.", examples=[0])


class TokensRevoked(BaseModel):
    """What revoking all tokens of an account did."""

    tokens_revoked: int = Field(description="How many tokens there were.", examples=[2])
