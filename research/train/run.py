"""Run `python -m research.train`: a training, a cross-validation or a search."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import fmean, stdev

from liuyan.errors import UsageError
from liuyan.progress import Report, progress_bar
from model.evaluate import show
from model.labeller import Labeller
from model.training.data import Comment
from model.training.gathering import gather_comments
from model.training.options import Options
from model.training.run import Request, WriteLine, learn, line, report_gathered
from model.training.trainer import Epoch
from research.gathering import with_generated, with_teachers
from research.train.folds import cross_validate
from research.train.search import search


@dataclass(frozen=True, slots=True)
class Experiment:
    """A training with optional ``teachers``. With ``folds`` it is cross-validated, with ``trials`` it is a search.

    ``studies`` is the file that stores trials. With ``unlabelled``, teachers also label unlabelled comments.
    """

    request: Request
    teachers: Sequence[Labeller]
    folds: int
    trials: int
    studies: Path
    unlabelled: bool = True


def run(experiment: Experiment, write_line: WriteLine) -> None:
    """Train and report progress. Raises UsageError for options that cannot be combined."""
    request = experiment.request
    if experiment.folds == 1:
        raise UsageError("--folds 1 leaves nothing to train on. Use 2 or more.")
    if (experiment.folds or experiment.trials) and (experiment.teachers or request.start):
        raise UsageError(
            "--folds and --search cannot use an earlier model, which was trained on their validation comments."
        )
    gathered = gather_comments(request.places, request.options)
    comments = gathered.comments
    report_gathered(gathered, write_line)
    with progress_bar() as progress:
        if experiment.teachers:
            share = request.options.teachers_share
            comments = with_teachers(
                gathered, request.places, experiment.teachers, share, progress, unlabelled=experiment.unlabelled
            )
        comments = with_generated(comments, request.places, request.options)
        if experiment.trials:
            _search(experiment, comments, progress, write_line)
        elif experiment.folds:
            _cross_validate(experiment, comments, progress, write_line)
        else:
            learn(request, replace(gathered, comments=comments), progress, write_line)


def _cross_validate(
    experiment: Experiment, comments: dict[str, Comment], progress: Report, write_line: WriteLine
) -> None:
    request = experiment.request
    accuracies = []

    def report(epoch: Epoch) -> None:
        write_line(line(epoch), err=True)

    for fold in cross_validate(
        comments, request.options, experiment.folds, request.output, progress, report, resume=request.resume
    ):
        accuracies.append(fold.accuracy)
        macro_f1 = show(fold.macro_f1, 4)
        write_line(f"fold {fold.number} comments {fold.comments} accuracy {fold.accuracy:.4f} macro_f1 {macro_f1}")
    write_line(f"accuracy {fmean(accuracies):.4f} deviation {stdev(accuracies):.4f} folds {len(accuracies)}")


def _search(experiment: Experiment, comments: dict[str, Comment], progress: Report, write_line: WriteLine) -> None:
    options = experiment.request.options
    best = search(comments, options, experiment.trials, experiment.studies, progress)
    write_line(f"best of {best.trials} trials: validation_accuracy {best.accuracy:.4f}")
    for field in fields(Options):
        before, now = getattr(options, field.name), getattr(best.options, field.name)
        if before != now:
            write_line(f"--set {field.name}={now}")
