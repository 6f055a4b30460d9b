"""`liuyan`: mounts the command groups. Nothing heavy is imported here, so that `--help` answers at once."""

import os
import sys

import typer

from liuyan.api.commands import app as api
from liuyan.consumer.commands import app as consumer
from liuyan.demo.commands import demo
from liuyan.errors import LiuyanError
from liuyan.model.commands import app as model
from liuyan.store.commands import app as store

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


def main() -> None:
    """Run the command line; an error that a person can mend is one line on standard error."""
    try:
        app()
    except LiuyanError as error:
        sys.stderr.write(f"liuyan: {error}\n")
        sys.exit(error.exit_status)
    except Exception as error:
        if os.environ.get("LIUYAN_LOG_LEVEL") == "debug":
            raise
        sys.stderr.write(
            f"liuyan: a mistake in Liuyan itself, please report it ({type(error).__name__}: {error}); "
            "LIUYAN_LOG_LEVEL=debug shows where.\n"
        )
        sys.exit(INTERNAL_ERROR)
