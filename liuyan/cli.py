"""The `liuyan` command line and its command groups. Imports nothing heavy, so that `--help` is fast."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from api.commands import app as api
from api.person_commands import erase, export
from consumer.commands import app as consumer
from liuyan.demo.commands import demo
from liuyan.errors import LiuyanError, UsageError
from liuyan.terminal import escape_unencodable_output, write_line
from registry.commands import app as model
from store.commands import app as store

app = typer.Typer(
    name="liuyan",
    help="Label the comments that platforms publish to Kafka, exactly once, and keep every label reviewable.",
    epilog="To try it, run `liuyan demo`. Settings are environment variables, see .env.example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(consumer, name="consumer")
app.add_typer(model, name="model")
app.add_typer(store, name="store")
app.add_typer(api, name="api")
app.command()(demo)
# They need both the store and the rules for accounts.
store.command(epilog="Examples: liuyan store erase --author forum 小王; liuyan store erase --account 小管")(erase)
store.command(epilog="Example: liuyan store export --author forum 小王 --output 小王.jsonl")(export)

# EX_SOFTWARE of sysexits.h.
INTERNAL_ERROR = 70


def main(program: typer.Typer = app) -> None:
    """Run the command line. Errors are written to standard error without a traceback."""
    escape_unencodable_output()
    try:
        _check_arguments(sys.argv[1:])
        program()
    except LiuyanError as error:
        message, *further = error.lines
        _exit(message, error.exit_status, further)
    except Exception as error:
        if os.environ.get("LIUYAN_LOG_LEVEL") == "debug":
            raise
        if isinstance(error, OSError) and error.errno is not None:
            # An error of the file system or the network, which the user can fix.
            _exit(_describe(error), LiuyanError.exit_status)
        _exit(
            f"internal error, please report it ({type(error).__name__}: {error}). "
            "Set LIUYAN_LOG_LEVEL=debug to see the traceback.",
            INTERNAL_ERROR,
        )


def _exit(message: str, status: int, further: Sequence[str] = ()) -> NoReturn:
    for line in (f"liuyan: {message}", *further):
        write_line(line, err=True)
    sys.exit(status)


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {reason}." if isinstance(error.filename, str | bytes) else f"{reason}."


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise UsageError for an argument that is not UTF-8, unless it is a file name, which may contain any bytes."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        if not _is_unicode(argument) and not Path(value).exists():
            raise UsageError(f"Argument {argument} is neither UTF-8 nor an existing file.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
