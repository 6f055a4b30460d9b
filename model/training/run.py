"""What `liuyan model train` does: gather the comments, then train once, for every fold, or in search of options."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Protocol

from liuyan.errors import UsageError
from model.artifact import Artifact, read_artifact
from model.evaluate import show
from model.labeller import Labeller
from model.progress import Report, progress_bar
from model.training.data import REVIEWS, Comment, part_of
from model.training.descent import Epoch
from model.training.gathering import Places, gather_comments, with_teachers
from model.training.options import Options
from model.training.train import train
from research.train.folds import cross_validate
from research.train.search import search


class Say(Protocol):
    """Writes a line for people: on standard output, or on standard error."""

    def __call__(self, message: str, *, err: bool = False) -> Any: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A training as it was asked for; ``folds`` and ``trials`` of 0 mean that it is an ordinary one."""

    output: Path
    places: Places
    options: Options
    teachers: Sequence[Labeller]
    start: Artifact | None
    resume: bool
    folds: int
    trials: int
    studies: Path


def run(request: Request, say: Say) -> None:
    """Train as asked and say how it goes. Raises UsageError for what cannot be asked for together."""
    if request.folds == 1:
        raise UsageError("--folds 1 leaves nothing to train on: give 2 or more.")
    if (request.folds or request.trials) and (request.teachers or request.start):
        raise UsageError("--folds and --search begin from nothing: an earlier model has seen what they validate on.")
    gathered = gather_comments(request.places, request.options)
    chosen = gathered.comments
    say(f"{len(chosen)} of {gathered.read} comments: each once, none held out, rated ones balanced", err=True)
    with progress_bar() as progress:
        if request.teachers:
            share = request.options.teachers_share
            chosen = with_teachers(gathered, request.places, request.teachers, share, progress)
        if request.trials:
            _search(request, chosen, progress, say)
        elif request.folds:
            _cross_validate(request, chosen, progress, say)
        else:
            train(
                chosen, request.options, request.output, progress, lambda epoch: say(line(epoch)),
                resume=request.resume, start=request.start,
            )  # fmt: skip
            say(f"model written to {request.output}")
            _judge_by_reviews(request, chosen, say)


def line(epoch: Epoch) -> str:
    """A row of the curve for people."""
    return (
        f"epoch {epoch.epoch} train_loss {epoch.train_loss:.4f} validation_loss {epoch.validation_loss:.4f} "
        f"validation_accuracy {epoch.validation_accuracy:.4f} seconds {epoch.seconds:.0f}"
    )


def _judge_by_reviews(request: Request, comments: dict[str, Comment], say: Say) -> None:
    """Say how often the model, and the one that it began with, are right on the reviews of the test part."""
    reviewed = [one for key, one in comments.items() if one.source == REVIEWS and part_of(key) == "test"]
    if not reviewed:
        return
    before = f", the one before on {_right(request.start, reviewed)}" if request.start else ""
    now = _right(read_artifact(request.output), reviewed)
    say(f"of {len(reviewed)} reviews that were kept aside the model is right on {now}{before}")


def _right(artifact: Artifact, comments: Sequence[Comment]) -> int:
    """How many of ``comments`` the model is right on."""
    said = Labeller(artifact, answer_cache_size=0).predict([one.text for one in comments])
    return sum((prediction.label == "positive") == one.positive for prediction, one in zip(said, comments, strict=True))


def _cross_validate(request: Request, comments: dict[str, Comment], progress: Report, say: Say) -> None:
    accuracies = []
    for fold in cross_validate(
        comments, request.options, request.folds, request.output, progress, lambda epoch: say(line(epoch), err=True),
        resume=request.resume,
    ):  # fmt: skip
        accuracies.append(fold.accuracy)
        macro_f1 = show(fold.macro_f1, 4)
        say(f"fold {fold.number} comments {fold.comments} accuracy {fold.accuracy:.4f} macro_f1 {macro_f1}")
    say(f"accuracy {fmean(accuracies):.4f} deviation {stdev(accuracies):.4f} folds {len(accuracies)}")


def _search(request: Request, comments: dict[str, Comment], progress: Report, say: Say) -> None:
    found = search(comments, request.options, request.trials, request.studies, progress)
    say(f"best of {found.trials} trials: validation_accuracy {found.accuracy:.4f}")
    for field in fields(Options):
        before, now = getattr(request.options, field.name), getattr(found.options, field.name)
        if before != now:
            say(f"--{field.name.replace('_', '-')} {now}")
