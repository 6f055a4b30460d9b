"""`liuyan consumer`."""

import typer

app = typer.Typer(help="...", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Placeholder until the first command stands."""
