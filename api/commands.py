"""`liuyan api`: serve the admin app and the REST API, and manage accounts."""

from typing import Annotated

import typer

from api.account_commands import app as accounts
from liuyan.errors import UsageError
from liuyan.terminal import is_terminal_input, standard_input, write_line

app = typer.Typer(help="Serve the admin app and the REST API, and manage accounts.", no_args_is_help=True)
app.add_typer(accounts)


@app.callback()
def group() -> None:
    """Serve the admin app and the REST API, and manage accounts."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free port.")] = 8000,
) -> None:
    """Serve the admin app (/admin) and the REST API (/api/v1, described at /docs) until Ctrl-C or SIGTERM.

    Requires a migrated database (`liuyan store migrate`) and LIUYAN_SECRET_KEY. Everything requires an account;
    `liuyan api create-admin` creates the first one. /livez, /readyz and /metrics are served separately, at
    LIUYAN_API_ADDRESS.

    The server only accepts requests for the hosts in LIUYAN_ALLOWED_HOSTS, by default the local machine. It speaks
    plain HTTP, which exposes passwords on the network. To serve other machines, put a TLS proxy in front of it and list
    the proxy in LIUYAN_TRUSTED_PROXIES.

    Examples:

        liuyan api serve

        liuyan api serve --port 8080

        LIUYAN_ALLOWED_HOSTS=liuyan.example LIUYAN_TRUSTED_PROXIES=10.0.0.5 liuyan api serve --host 0.0.0.0

        curl -H "Authorization: Bearer $TOKEN" 'http://127.0.0.1:8000/api/v1/comments?label=negative&limit=5'
    """
    import asyncio

    from api.serve import serve as serve_api
    from liuyan.log import configure_logging
    from liuyan.packages import check_owners
    from liuyan.settings import load_settings

    check_owners()
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    asyncio.run(serve_api(settings, host, port))


@app.command()
def create_admin(
    name: Annotated[str, typer.Argument(help="The name of the new account.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
    ] = False,
) -> None:
    """Create an admin account, which can manage all others.

    The password must have at least 12 characters, must not contain the name and must not be easy to guess.

    Examples:

        liuyan api create-admin 小管

        openssl rand -base64 18 | tee password.txt | liuyan api create-admin --password-stdin 小管
    """
    import asyncio

    if password_stdin:
        password = _read_password()
    elif not is_terminal_input():
        raise UsageError("Cannot ask for a password without a terminal: use --password-stdin.")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    stored_name = asyncio.run(_create_admin(name, password))
    write_line(f"Created the admin {stored_name}. Run `liuyan api serve` and sign in at /admin.")


def _read_password() -> str:
    """Return the first line of standard input. Raises UsageError, without showing the line, if it is not UTF-8."""
    try:
        return standard_input().readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("The password on standard input is not UTF-8: send it as UTF-8.") from None


async def _create_admin(name: str, password: str) -> str:
    from api.identity.first_admin import create_first_admin
    from liuyan.settings import load_settings
    from store.ready import ready_store

    async with ready_store(load_settings()) as store:
        return await create_first_admin(store, name, password)
