"""`liuyan api`: serves the admin app and the REST API, and manages accounts."""

from pathlib import Path
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
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the model artifact; the active model's by default.")
    ] = None,
) -> None:
    """Serve the admin app (/admin) and the REST API (/api/v1, described at /docs) until Ctrl-C or SIGTERM.

    The database must have been migrated (`liuyan store migrate`), and LIUYAN_SECRET_KEY be set. Nobody can do anything
    without an account: `liuyan api create-admin` makes the first one. /livez, /readyz and /metrics are served apart, at
    LIUYAN_API_ADDRESS.

    It answers only under the names of LIUYAN_ALLOWED_HOSTS, this machine's own by default, and speaks plain HTTP, in
    which passwords can be read on the way: for others put a proxy with TLS in front, and name it in
    LIUYAN_TRUSTED_PROXIES.

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
    asyncio.run(serve_api(settings, host, port, model_path=model))


@app.command()
def create_admin(
    name: Annotated[str, typer.Argument(help="The name that the account is known by.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
    ] = False,
) -> None:
    """Make an account that may manage all others: the first one, or one more.

    The password has 10 characters or more, does not hold the name and is not among those that are tried first.

    Examples:

        liuyan api create-admin 小管

        openssl rand -base64 18 | tee password.txt | liuyan api create-admin --password-stdin 小管
    """
    import asyncio

    if password_stdin:
        password = _read_password()
    elif not is_terminal_input():
        raise UsageError("There is no terminal to ask for a password: use --password-stdin.")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    kept = asyncio.run(_create_admin(name, password))
    write_line(f"The admin {kept} is made. Run `liuyan api serve` and sign in at /admin.")


def _read_password() -> str:
    """The first line of standard input. Raises UsageError when it is not UTF-8, without showing it."""
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
