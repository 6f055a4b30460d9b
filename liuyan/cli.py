"""`liuyan`: mounts the command groups. Nothing heavy is imported here, so that `--help` answers at once."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from api.commands import app as api
from consumer.commands import app as consumer
from liuyan.demo.commands import demo
from liuyan.errors import LiuyanError, UsageError
from liuyan.terminal import escape_what_cannot_be_encoded, write_line
from model.commands import app as model
from store.commands import app as store

app = typer.Typer(
    name="liuyan",
    help="Label the comments that platforms publish to Kafka, exactly once, and keep every label reviewable.",
    epilog="First look: `liuyan demo`. Settings are environment variables, see .env.example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(consumer, name="consumer")
app.add_typer(model, name="model")
app.add_typer(store, name="store")
app.add_typer(api, name="api")
app.command()(demo)

# As sysexits.h has it: an internal software error.
INTERNAL_ERROR = 70


def main(program: typer.Typer = app) -> None:
    """Run the command line. An error that a person can fix is one line on standard error, never a traceback."""
    escape_what_cannot_be_encoded()
    try:
        _check_arguments(sys.argv[1:])
        program()
    except LiuyanError as error:
        _end(str(error), error.exit_status)
    except Exception as error:
        if os.environ.get("LIUYAN_LOG_LEVEL") == "debug":
            raise
        if isinstance(error, OSError) and error.errno is not None:
            # The file system or the network refuses: the user can fix that, and the message names the file.
            _end(_sentence(error), LiuyanError.exit_status)
        _end(
            f"internal error, please report it ({type(error).__name__}: {error}); "
            "LIUYAN_LOG_LEVEL=debug shows where it happened.",
            INTERNAL_ERROR,
        )


def _end(sentence: str, status: int) -> NoReturn:
    write_line(f"liuyan: {sentence}", err=True)
    sys.exit(status)


def _sentence(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {reason}." if isinstance(error.filename, str | bytes) else f"{reason}."


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raises UsageError for an argument that is not UTF-8, unless it names a file: file names may be any bytes."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        if not _is_unicode(argument) and not Path(value).exists():
            raise UsageError(f"The argument {argument} is not UTF-8 and names no file.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
