"""The commands `liuyan model register`, `list`, `show`, `export` and `retire`, added to the group `liuyan model`.

promotion_commands.py, compare_command.py and train_command.py have the others.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import Column, write_json, write_line, write_table
from model.commands import app
from registry.compare_command import compare
from registry.promotion_commands import promote, rollback
from registry.train_command import train

__all__ = ["app"]

if TYPE_CHECKING:
    from store.batch import ModelRow
    from store.coverage import ModelTotals
    from store.store import Store

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Number, or beginning of the SHA-256, as in `list`.")]
By = Annotated[str | None, typer.Option(help="Who does this, for the audit log. Default: your account's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]

app.command(epilog="Examples: liuyan model promote 3; liuyan model promote 9f2c41d07b3e --yes --incomplete")(promote)
app.command(epilog="Example: liuyan model rollback")(rollback)
app.command()(compare)
app.command()(train)


@app.command(epilog="Example: liuyan model register /tmp/model --name autumn")
def register(
    folder: Annotated[Path, typer.Argument(help="Artifact folder, as written by `liuyan model train`.")],
    name: Annotated[str | None, typer.Option(help="Name of the model. Default: the artifact's name.")] = None,
    by: By = None,
) -> None:
    """Check an artifact and store it in the database, so that every consumer and server can use it.

    Registering an artifact again only changes the model's name and card.
    """
    from registry.register import register
    from store.audit import command_actor
    from store.ready import with_store

    done = with_store(lambda store: register(store, folder, command_actor(by), name))
    model = done.model
    what = "is registered" if done.changed else "was already registered"
    write_line(f"Model {model.number} ({model.name}, {model.sha256[:12]}) {what}.")


@app.command("list", epilog="Example: liuyan model list")
def list_(as_json: AsJson = False) -> None:
    """List the models of the database, newest first, with the share of comments that each has labelled."""
    from dataclasses import asdict

    from registry.percent import percent
    from store.ready import with_store

    listed = with_store(_read_list)
    if as_json:
        for model, totals, registered in listed:
            write_json({**asdict(model), **asdict(totals.coverage), "registered": registered})
        return
    names = ("state", "name", "sha256", "coverage", "missing", "uncertain", "registered")
    rows = [
        (
            model.number,
            _state(model, [one for one, *_ in listed], registered),
            model.name,
            model.sha256[:12],
            percent(totals.coverage.share),
            totals.coverage.missing,
            f"{model.uncertain_low:.3f} .. {model.uncertain_high:.3f}",
            f"{model.registered_at:%Y-%m-%d %H:%M:%S}",
        )
        for model, totals, registered in listed
    ]
    write_table([Column("number", right=True), *map(Column, names)], rows)


@app.command(epilog="Example: liuyan model show 3")
def show(model: ModelName, as_json: AsJson = False) -> None:
    """Show a model's coverage by month, its metrics and its card."""
    from registry.show import show_model
    from store.ready import with_store

    with_store(lambda store: show_model(store, model, as_json=as_json))


@app.command(epilog="Example: liuyan model export 3 /tmp/model")
def export(
    model: ModelName,
    folder: Annotated[Path, typer.Argument(help="New folder for the artifact.")],
) -> None:
    """Write a registered model's artifact to a new folder and verify it."""
    from registry.artifacts import export_artifact
    from store.promotion import find_model
    from store.ready import with_store

    async def write(store: "Store") -> "ModelRow":
        found = await store.read(find_model, model)
        await export_artifact(store, found, folder)
        return found

    found = with_store(write)
    write_line(f"The artifact of model {found.number} ({found.name}) is in {folder}.")


@app.command(epilog="Examples: liuyan model retire 2; liuyan model retire 2 --purge")
def retire(
    model: ModelName,
    purge: Annotated[bool, typer.Option("--purge", help="Also delete its predictions and their counts.")] = False,
    by: By = None,
) -> None:
    """Exclude a model from promotion and replay. Its artifact remains and can be exported.

    Refused for the active model and its predecessor. --purge is refused while a comment has no other model's
    prediction; after an interruption, run it again.
    """
    from liuyan.progress import progress_bar
    from registry.retire import retire_and_purge
    from store.audit import command_actor
    from store.ready import with_store

    with progress_bar() as progress:
        done = with_store(lambda store: retire_and_purge(store, model, command_actor(by), progress, purge=purge))
    write_line(f"Model {done.model.number} ({done.model.name}) is retired.")
    if purge:
        write_line(f"{done.purged} predictions are deleted.")


async def _read_list(store: "Store") -> "list[tuple[ModelRow, ModelTotals, bool]]":
    from store.coverage import read_totals
    from store.model_files import registered_models
    from store.promotion import list_models

    async with store.reading() as connection:
        totals, registered = await read_totals(connection), await registered_models(connection)
        models = await list_models(connection)
    return [(model, totals[model.number], model.number in registered) for model in models if model.number in totals]


def _state(model: "ModelRow", models: "list[ModelRow]", registered: bool) -> str:
    if model.active:
        return "active"
    if model.retired_at is not None:
        return "retired"
    if any(one.active and one.predecessor == model.number for one in models):
        return "previous"
    return "" if registered else "no artifact"
