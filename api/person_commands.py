"""`liuyan store erase` and `liuyan store export`: what is stored about an author or an account."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from liuyan.errors import LiuyanError, UsageError
from liuyan.terminal import json_line, require_confirmation, write_json, write_line

if TYPE_CHECKING:
    from api.services import CommandServices
    from liuyan.progress import Report
    from store.accounts import User
    from store.author_erasures import AuthorErasure
    from store.store import Store

POLL_SECONDS = 1.0
# A consumer takes a request within two seconds.
PATIENCE_SECONDS = 15.0
AuthorOption = Annotated[
    tuple[str, str] | None,
    typer.Option("--author", metavar="PLATFORM NAME", help="An author, exactly as the platform's events write it."),
]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="NAME", help="An account of the admin app.")]


def erase(
    author: AuthorOption = None,
    account: AccountOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only order the erasure of an author.")] = False,
    by: Annotated[
        str | None, typer.Option(help="Who does this, for the audit log. Default: your account's name.")
    ] = None,
) -> None:
    """Erase everything that an author wrote, or an account, permanently.

    For an author, running consumers publish tombstones and repeat that until everything that is in Kafka now has been
    stored. The command waits; after Ctrl-C the consumers continue. An account's decisions remain without its name.
    """
    from liuyan.progress import progress_bar

    _check_one(author, account)
    with progress_bar() as progress:
        if author is not None:
            asyncio.run(_erase_author(author, by, progress, yes=yes, wait=not no_wait))
        else:
            asyncio.run(_erase_account(str(account), by, yes=yes))


def export(
    author: AuthorOption = None,
    account: AccountOption = None,
    output: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
) -> None:
    """Write everything that is stored about an author or an account, as JSON lines."""
    _check_one(author, account)
    with contextlib.nullcontext() if output is None else _open_private(output) as file:
        asyncio.run(_export(author, account, file))


def _check_one(author: tuple[str, str] | None, account: str | None) -> None:
    if (author is None) == (account is None):
        raise UsageError("Specify either --author PLATFORM NAME or --account NAME.")


async def _erase_author(named: tuple[str, str], by: str | None, progress: "Report", *, yes: bool, wait: bool) -> None:
    from liuyan.settings import load_settings
    from store.audit import command_actor
    from store.author_erasures import order_erasure
    from store.authors import Author, count_comments_of
    from store.ready import ready_store

    author = Author(*named)
    async with ready_store(load_settings()) as store:
        total = await store.read(count_comments_of, author)
        write_line(f"{author.name} on {author.platform} has {total:,} stored comments.", err=True)
        require_confirmation("Erase them, and what is still to be stored, permanently?", yes=yes)
        number = await store.write(order_erasure, command_actor(by), author)
        write_line(f"Ordered erasure {number}.", err=True)
        if wait:
            done = await _wait(store, number, total, progress)
            write_line(f"Erased {done.comments:,} comments and {done.dead_letters:,} dead letters.")


async def _wait(store: "Store", number: int, total: int, progress: "Report") -> "AuthorErasure":
    """Wait until an erasure is done. Raises LiuyanError if no consumer works on it."""
    from store.author_erasures import ErasureState, read_erasure

    loop = asyncio.get_running_loop()
    given_up = loop.time() + PATIENCE_SECONDS
    while True:
        found = await store.read(read_erasure, number)
        if found is None or found.state is ErasureState.DONE:
            break
        if found.state is ErasureState.REQUESTED and loop.time() > given_up:
            raise LiuyanError(
                f"No consumer works on erasure {number} yet. It begins when one runs (`liuyan consumer run`)."
            )
        progress("erasing", found.comments, max(total, found.comments))
        await asyncio.sleep(POLL_SECONDS)
    if found is None:
        raise LiuyanError(f"The erasure {number} does not exist any more.")
    return found


async def _erase_account(name: str, by: str | None, *, yes: bool) -> None:
    from api.identity.account_erasure import erase_account
    from store.audit import command_actor

    async with _services() as services:
        user = await _find(services, name)
        require_confirmation(f"Erase the account {user.name} permanently?", yes=yes)
        erased = await erase_account(services, command_actor(by), user.number)
    write_line(f"Erased the account. Its decisions are now by {erased.pseudonym!r}.")
    write_line(f"Consumers erase its own texts (erasure {erased.request}).")


async def _export(named: tuple[str, str] | None, account: str | None, file: TextIO | None) -> None:
    from api.identity.account_erasure import account_records
    from store.authors import Author
    from store.person_export import export_author

    async with _services() as services:
        if named is not None:
            records = export_author(services.store, Author(*named))
        else:
            records = await account_records(services, (await _find(services, str(account))).number)
        await _write(records, file)


async def _write(records: AsyncIterator[dict[str, Any]], file: TextIO | None) -> None:
    async for record in records:
        if file is None:
            write_json(record)
        else:
            file.write(json_line(record) + "\n")


def _open_private(path: Path) -> TextIO:
    """Open a file that only its owner can read. Raises OSError."""
    path.touch(mode=0o600)
    return path.open("w", encoding="utf-8")


async def _find(services: "CommandServices", name: str) -> "User":
    from store.accounts import find_credentials

    found = await services.store.read(find_credentials, name)
    if found is None:
        raise UsageError(f"There is no account named {name}.")
    return found[0]


@contextlib.asynccontextmanager
async def _services() -> "AsyncIterator[CommandServices]":
    from api.services import CommandServices
    from liuyan.settings import load_settings
    from store.ready import ready_store

    settings = load_settings()
    async with ready_store(settings) as store:
        yield CommandServices(store, settings)
