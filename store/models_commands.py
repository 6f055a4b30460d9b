"""The command group `liuyan store models`."""

from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import Column, write_json, write_line, write_table

if TYPE_CHECKING:
    from store.batch import ModelRow
    from store.store import Store

app = typer.Typer(help="List the models of this database and activate one.", no_args_is_help=True)


@app.command("list", epilog="Example: liuyan store models list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List the models of this database, newest first."""
    from dataclasses import asdict

    from store.promotion import list_models
    from store.ready import with_store

    models = with_store(lambda store: store.read(list_models))
    if as_json:
        for model in models:
            write_json(asdict(model))
        return
    columns = ("active", "name", "sha256", "uncertain", "registered")
    rows = [
        (
            model.number,
            "active" if model.active else "",
            model.name,
            model.sha256[:12],
            f"{model.uncertain_low:.3f} .. {model.uncertain_high:.3f}",
            f"{model.registered_at:%Y-%m-%d %H:%M:%S}",
        )
        for model in models
    ]
    write_table([Column("number", right=True), *map(Column, columns)], rows)


@app.command(epilog="Examples: liuyan store models activate 3; liuyan store models activate 9f2c41d07b3e --by wang")
def activate(
    model: Annotated[
        str, typer.Argument(help="The model's number or the beginning of its SHA-256, as shown by `list`.")
    ],
    by: Annotated[str | None, typer.Option(help="Name for the audit log; default: your user name.")] = None,
) -> None:
    """Activate a model: show its labels from now on. To roll back, activate the previous model.

    No labels are rewritten. Consumers that run the previous model stop: restart them, and the API, so that they load
    the model's artifact from LIUYAN_MODELS_DIR.
    """
    from store.audit import command_actor
    from store.promotion import activate_model, find_model
    from store.ready import with_store

    async def promote(store: "Store") -> "ModelRow":
        return await store.write(activate_model, command_actor(by), (await store.read(find_model, model)).number)

    active = with_store(promote)
    write_line(f"Model {active.number} ({active.name}, {active.sha256[:12]}) is active.")
