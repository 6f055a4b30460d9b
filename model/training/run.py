"""What `liuyan model train` does: gather the comments, train, and judge by the reviews that were kept aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from model.artifact import Artifact, read_artifact
from model.labeller import Labeller
from model.progress import Report, progress_bar
from model.training.data import REVIEWS, Comment, part_of
from model.training.gathering import Gathered, Places, gather_comments
from model.training.options import Options
from model.training.sources import SOURCES, Source
from model.training.train import train
from model.training.trainer import Epoch


class Say(Protocol):
    """Writes a line for people: on standard output, or on standard error."""

    def __call__(self, message: str, *, err: bool = False) -> Any: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A training as it was asked for. ``sources`` are the sets of comments that the model card describes."""

    output: Path
    places: Places
    options: Options
    start: Artifact | None
    resume: bool
    sources: Mapping[str, Source] = field(default_factory=lambda: SOURCES)


def run(request: Request, say: Say) -> None:
    """Train as asked and say how it goes. Raises UsageError as ``train`` does."""
    gathered = gather_comments(request.places, request.options)
    report_gathered(gathered, say)
    with progress_bar() as progress:
        learn(request, gathered.comments, progress, say)


def report_gathered(gathered: Gathered, say: Say) -> None:
    """Say how many comments there are, of how many rows."""
    say(
        f"{len(gathered.comments)} of {gathered.read} comments: each once, none held out, rated ones balanced", err=True
    )


def learn(request: Request, comments: dict[str, Comment], progress: Report, say: Say) -> None:
    """Train on ``comments`` (by digest), and judge the model by the reviews among them that were kept aside."""
    train(
        comments, request.options, request.output, progress, lambda epoch: say(line(epoch)),
        resume=request.resume, start=request.start, sources=request.sources,
    )  # fmt: skip
    say(f"model written to {request.output}")
    _judge_by_reviews(request, comments, say)


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
