"""Command-line parameters shared by several commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

DataDir = Annotated[
    Path | None, typer.Option(help="Folder with *.csv files with columns label,text. Default: LIUYAN_DATA_DIR.")
]
Threads = Annotated[int, typer.Option(min=0, help="Number of threads; 0 uses PyTorch's default.")]


def artifact_option(text: str) -> Any:
    """Return an option for an artifact folder, with ``text`` as help."""
    return typer.Option(parser=_artifact_folder, metavar="PATH", help=f"{text} `shipped` names the shipped one.")


def _artifact_folder(name: str) -> Path:
    """Return ``name`` as a path, or the folder of the shipped artifact for `shipped`."""
    from model.artifact import SHIPPED

    return SHIPPED if name == "shipped" else Path(name)
