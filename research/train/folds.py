"""Cross-validation: as many trainings as folds, each validated on the comments that it did not learn from.

The test part stays out of all of them. Which fold a comment is in is decided by its digest, the same one each time.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.progress import Report
from model.training.data import Comment, Part, content_of, part_of
from model.training.options import Options
from model.training.train import train
from model.training.trainer import Epoch


@dataclass(frozen=True, slots=True)
class Fold:
    """How the training that held out this fold did on it."""

    number: int
    comments: int
    accuracy: float
    macro_f1: float | None


def fold_of(key: str, folds: int) -> int:
    """The fold, from 0, of the comment with this digest; independent of the part that it belongs to."""
    return int(hashlib.sha256(b"fold:" + content_of(key).encode()).hexdigest()[:8], 16) % folds


def part_in_fold(number: int, folds: int) -> Callable[[str], Part]:
    """As ``part_of``, but this fold of all that is not for testing is for validation."""

    def part(key: str) -> Part:
        if part_of(key) == "test":
            return "test"
        return "validation" if fold_of(key, folds) == number else "train"

    return part


def part_without(number: int, folds: int) -> Callable[[str], Part]:
    """As ``part_of``, but this fold of the train part is for validation too.

    For teachers: what they validate on must not be learnt from, or their students are validated on what they heard of.
    """

    def part(key: str) -> Part:
        own = part_of(key)
        return "validation" if own == "train" and fold_of(key, folds) == number else own

    return part


def cross_validate(
    comments: Mapping[str, Comment],
    options: Options,
    folds: int,
    output: Path,
    progress: Report,
    report: Callable[[Epoch], None],
    *,
    resume: bool = False,
) -> Iterator[Fold]:
    """Train into ``output/fold-1`` and so on; gives each fold when it is done. Raises UsageError as ``train`` does."""
    for number in range(folds):
        part = part_in_fold(number, folds)
        folder = output / f"fold-{number + 1}"
        metrics = train(comments, options, folder, progress, report, resume=resume, part=part)
        pooled = metrics["validation"]["pooled"]
        yield Fold(number + 1, pooled["n"], pooled["accuracy"], pooled["macro_f1"])
