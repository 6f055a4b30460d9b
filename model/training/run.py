"""Run `liuyan model train`: gather comments, train, and evaluate on the reviews that were kept aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from liuyan.progress import Report, progress_bar
from model.artifact import Artifact, read_artifact
from model.labeller import Labeller
from model.training.data import REVIEWS, Comment, part_of
from model.training.gathering import Gathered, Places, gather_comments
from model.training.options import Options
from model.training.sources import SOURCES, Source
from model.training.train import train
from model.training.trainer import Epoch


class WriteLine(Protocol):
    """Write a line to standard output, or to standard error."""

    def __call__(self, message: str, *, err: bool = False) -> Any: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A request to train. ``sources`` describes data sets for the model card."""

    output: Path
    places: Places
    options: Options
    start: Artifact | None
    resume: bool
    sources: Mapping[str, Source] = field(default_factory=lambda: SOURCES)


def run(request: Request, write_line: WriteLine) -> None:
    """Train and report progress. Raises UsageError like ``train``."""
    gathered = gather_comments(request.places, request.options)
    report_gathered(gathered, write_line)
    with progress_bar() as progress:
        learn(request, gathered, progress, write_line)


def report_gathered(gathered: Gathered, write_line: WriteLine) -> None:
    """Report the number of comments and of rows read."""
    write_line(
        f"{len(gathered.comments)} of {gathered.read} comments remain after removing duplicates and held-out comments "
        "and balancing rated ones",
        err=True,
    )
    if gathered.held_back:
        write_line(f"{gathered.held_back} comments are left out because models are compared on their texts", err=True)


def learn(request: Request, gathered: Gathered, progress: Report, write_line: WriteLine) -> None:
    """Train on the gathered comments, and evaluate the model on the reviews that were kept aside."""
    train(
        gathered.comments, request.options, request.output, progress, lambda epoch: write_line(line(epoch)),
        resume=request.resume, start=request.start, sources=request.sources, reviews=gathered.reviews,
    )  # fmt: skip
    write_line(f"model written to {request.output}")
    _evaluate_on_reviews(request, gathered.comments, write_line)


def line(epoch: Epoch) -> str:
    """Format one epoch of the training curve."""
    return (
        f"epoch {epoch.epoch} train_loss {epoch.train_loss:.4f} validation_loss {epoch.validation_loss:.4f} "
        f"validation_accuracy {epoch.validation_accuracy:.4f} seconds {epoch.seconds:.0f}"
    )


def _evaluate_on_reviews(request: Request, comments: Mapping[str, Comment], write_line: WriteLine) -> None:
    """Report how many reviews of the test part the model, and the initial model, label correctly."""
    reviewed = [one for key, one in comments.items() if one.source == REVIEWS and part_of(key) == "test"]
    if not reviewed:
        return
    before = f" (initial model: {_correct(request.start, reviewed)})" if request.start else ""
    now = _correct(read_artifact(request.output), reviewed)
    write_line(f"correct on {now} of {len(reviewed)} reviews that were kept aside{before}")


def _correct(artifact: Artifact, comments: Sequence[Comment]) -> int:
    """Return how many of ``comments`` the model labels correctly."""
    predictions = Labeller(artifact, answer_cache_size=0).predict([one.text for one in comments])
    return sum(
        (one.label == "positive") == comment.positive for one, comment in zip(predictions, comments, strict=True)
    )
