"""Account commands of `liuyan api`, for scripts: REST tokens cannot change accounts.

They ask for no password, because running them requires access to the database. The audit log records the
operating-system user.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from liuyan.terminal import write_line

if TYPE_CHECKING:
    from api.services import AccountServices
    from store.audit import Actor

app = typer.Typer()
Answer = TypeVar("Answer")
# passwords.TEMPORARY_FOR in words.
WITHIN = "within 72 hours"

Name = Annotated[str, typer.Argument(help="The account's name; case and character width do not matter.")]
RoleName = Literal["user", "reviewer", "admin"]
Role = Annotated[RoleName, typer.Option(help="The role to grant; each role includes the ones before it.")]
Platform = Annotated[
    str | None,
    typer.Option(help="Grant only the labels, trend and rejected events of this platform, instead of a role."),
]


@app.command(epilog="Example: liuyan api create-user 小王 --role reviewer")
def create_user(name: Name, role: Role = "user", platform: Platform = None) -> None:
    """Create an active account and print its temporary password on standard output."""

    async def create(services: "AccountServices", actor: "Actor") -> str:
        from api.identity import passwords, roles

        accounts, password = _accounts(), passwords.temporary_password()
        form, granted = accounts.Form(name, password, platform=platform), "platform" if platform else role
        await accounts.create_user(services, actor, form, roles.Role(granted))
        return password

    password = _run(create)
    write_line(
        f"Created the account {name}. This password must be changed at the first sign-in, within 72 hours:", err=True
    )
    write_line(password)


@app.command(epilog="Example: liuyan api set-role 小王 user")
def set_role(name: Name, role: Annotated[RoleName, typer.Argument(help="The new role.")]) -> None:
    """Change an account's role.

    A lower role revokes the account's tokens. The last admin cannot be demoted.
    """

    async def change(services: "AccountServices", actor: "Actor", number: int) -> int:
        revoked: int = await _accounts().edit_user(services, actor, number, {"role": role})
        return revoked

    revoked = _run_on(name, change)
    write_line(f"The account {name} now has the role {role}. Tokens revoked: {revoked}.")


@app.command(epilog="Example: liuyan api reset-password 小王")
def reset_password(name: Name) -> None:
    """Set a temporary password and print it on standard output.

    All of the account's sessions end and its tokens are revoked.
    """
    password, ended = _run_on(name, lambda services, actor, number: _accounts().reset_password(services, actor, number))
    write_line(
        f"Tokens revoked: {ended.tokens}. This password must be changed at the next sign-in, within 72 hours:", err=True
    )
    write_line(password)


@app.command(epilog="Example: liuyan api reset-second-factor 小王")
def reset_second_factor(name: Name) -> None:
    """Delete an account's second factor, because its owner has lost device and recovery codes. Its sessions end.

    The password alone then lets the account in. If it may be known to others, run reset-password too.
    """

    async def reset(services: "AccountServices", actor: "Actor", number: int) -> None:
        from api.identity import second_factor

        await second_factor.reset(services, actor, number)

    _run_on(name, reset)
    write_line(f"Deleted the second factor of {name}.")


@app.command(epilog="Example: liuyan api break-glass 小管")
def break_glass(name: Name) -> None:
    """Print a temporary password that lets an admin in for an hour, even if passwords are disabled.

    For emergencies in which single sign-on does not work. Sign in at /admin/login?local=1. Sessions opened with this
    password end with the hour; other sessions and tokens of the account stay. Running the command again replaces the
    password, ends the sessions opened with the old one, and starts a new hour. The audit log records it. Without
    single sign-on, use reset-password.
    """

    async def let_in(services: "AccountServices", actor: "Actor", number: int) -> str:
        from api.identity import sso_accounts

        return await sso_accounts.break_glass(services, actor, number)

    password = _run_on(name, let_in)
    write_line("This password and its sessions are valid for an hour. Sign in at /admin/login?local=1:", err=True)
    write_line(password)


@app.command(epilog="Example: liuyan api link-sso 小王 8f14e45f-ceea-467f-a8c4-1b2d3e4f5a6b")
def link_sso(
    name: Name, subject: Annotated[str, typer.Argument(help="The claim `sub` of the person at LIUYAN_SSO_ISSUER.")]
) -> None:
    """Link an existing account to a person at the provider, who then signs in to it with single sign-on only.

    Without this, a person's first sign-in creates a new account. The account must be active. Its sessions end, and its
    password and second factor no longer apply. Its tokens stay.
    """

    async def link(services: "AccountServices", actor: "Actor", number: int) -> None:
        from api.identity import sso_accounts

        await sso_accounts.link(services, actor, number, subject)

    _run_on(name, link)
    write_line(f"The account {name} signs in with single sign-on now.")


@app.command(epilog="Example: liuyan api unlink-sso 小王 && liuyan api reset-password 小王")
def unlink_sso(name: Name) -> None:
    """Unlink an account from the person at the provider, for example after linking the wrong person.

    The account's sessions end and its tokens are revoked. It cannot sign in until reset-password gives it a password or
    link-sso links another person. The person gets a new account at the next sign-in.
    """

    async def unlink(services: "AccountServices", actor: "Actor", number: int) -> Any:
        from api.identity import sso_accounts

        return await sso_accounts.unlink(services, actor, number)

    ended = _run_on(name, unlink)
    write_line(
        f"The account {name} is no longer linked. Sessions ended: {ended.sessions}. Tokens revoked: {ended.tokens}."
    )


@app.command(epilog="Example: liuyan api disable 小王")
def disable(name: Name) -> None:
    """Disable an account, end its sessions and revoke its tokens. The last admin cannot be disabled."""
    ended = _run_on(name, lambda services, actor, number: _accounts().disable(services, actor, number))
    write_line(f"Disabled the account {name}. Tokens revoked: {ended.tokens}.")


@app.command(epilog="Example: liuyan api enable 小王")
def enable(name: Name) -> None:
    """Allow a disabled account to sign in again. Its tokens remain revoked."""
    _run_on(name, lambda services, actor, number: _accounts().enable(services, actor, number))
    write_line(f"The account {name} can sign in again.")


@app.command(epilog="Example: liuyan api approve 小李")
def approve(name: Name) -> None:
    """Approve an account that signed up and is waiting for approval."""
    _run_on(name, lambda services, actor, number: _accounts().approve(services, actor, number))
    write_line(f"Approved the account {name}. It can sign in now.")


@app.command(epilog="Example: liuyan api create-token 小王 'nightly export' --role reviewer --days 30 > token.txt")
def create_token(
    name: Name,
    purpose: Annotated[str, typer.Argument(help="What the token is for.")],
    role: Role = "user",
    platform: Platform = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Number of days until the token expires.")] = 90,
) -> None:
    """Create a token for an account and print it on standard output.

    The token's role cannot exceed the account's. An account with a temporary password cannot have tokens until its
    owner has signed in and changed the password.
    """

    async def create(services: "AccountServices", actor: "Actor", number: int) -> str:
        from api.identity import roles, tokens

        new = tokens.NewToken(purpose, roles.Role("platform" if platform else role), days, platform)
        _, secret = await tokens.create(services, actor, number, new)
        return secret

    write_line(_run_on(name, create))


@app.command(epilog="Example: liuyan api revoke-tokens 小王")
def revoke_tokens(name: Name) -> None:
    """Revoke all tokens of an account. Programs that use them lose access."""

    async def revoke(services: "AccountServices", actor: "Actor", number: int) -> int:
        from api.identity import tokens

        return await tokens.revoke_all(services, actor, number)

    write_line(f"Tokens of {name} revoked: {_run_on(name, revoke)}.")


@app.command(epilog="Example: LIUYAN_CONTACT_KEY=NEW,OLD liuyan api rotate-contact-key")
def rotate_contact_key() -> None:
    """Encrypt all phone numbers, e-mail addresses and second factors with the first key in LIUYAN_CONTACT_KEY.

    Put the new key in front of the old ones, restart the API, and run this command. Then remove the old keys. What no
    key decrypts is kept and counted.
    """

    async def rotate(services: "AccountServices", actor: "Actor") -> None:
        from api.identity.contact_rotation import rotate_contacts
        from liuyan.errors import LiuyanError

        rotated = await rotate_contacts(services, actor)
        write_line(
            f"Encrypted the contacts of {rotated.accounts} accounts with the first key. Second factors: "
            f"{rotated.second_factors}."
        )
        if rotated.unreadable:
            raise LiuyanError(
                f"No key decrypts the contacts or second factors of {rotated.unreadable} accounts; they are kept. Add "
                "their key to LIUYAN_CONTACT_KEY and run this again."
            )

    _run(rotate)


def _accounts() -> Any:
    """Import the account rules only when a command runs, to keep `--help` fast."""
    from api.identity import accounts

    return accounts


def _run_on(name: str, work: Callable[["AccountServices", "Actor", int], Awaitable[Answer]]) -> Answer:
    """Run ``work`` on the account with this name. Raises LiuyanError."""

    async def on_account(services: "AccountServices", actor: "Actor") -> Answer:
        from liuyan.errors import LiuyanError
        from store.accounts import find_credentials

        async with services.store.reading() as connection:
            known = await find_credentials(connection, name)
        if known is None:
            raise LiuyanError(f"No account is named {name!r}: check the list under People in the admin app.")
        return await work(services, actor, known[0].number)

    return _run(on_account)


def _run(work: Callable[["AccountServices", "Actor"], Awaitable[Answer]]) -> Answer:
    async def with_store() -> Answer:
        from api.services import CommandServices
        from liuyan.settings import load_settings
        from store.audit import command_actor
        from store.store import Store

        settings = load_settings()
        async with Store.open(settings.required_database_url()) as store:
            await store.check_ready()
            return await work(CommandServices(store, settings), command_actor(None))

    return asyncio.run(with_store())
