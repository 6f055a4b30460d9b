"""Parameters that several commands take."""

from pathlib import Path
from typing import Annotated, Any

import typer

DataDir = Annotated[
    Path | None, typer.Option(help="Folder with *.csv files, columns label,text. Default: LIUYAN_DATA_DIR.")
]
Threads = Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 leaves it to PyTorch.")]


def artifact_option(text: str) -> Any:
    """An option that takes an artifact, described by ``text``."""
    return typer.Option(parser=_artifact_folder, metavar="PATH", help=f"{text} `shipped` is the shipped one.")


def _artifact_folder(name: str) -> Path:
    """The folder called ``name``, or the shipped artifact's, wherever Liuyan is installed, for the word `shipped`."""
    from model.artifact import SHIPPED

    return SHIPPED if name == "shipped" else Path(name)
