"""The command group `liuyan model`; the package `registry` adds the commands that also need the database."""

import typer

from model.labelling_commands import evaluate, predict

app = typer.Typer(help="Train, evaluate and use the model that labels comments.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Train, evaluate and use the model that labels comments."""


app.command()(evaluate)
app.command()(predict)
