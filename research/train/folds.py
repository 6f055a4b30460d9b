"""Cross-validation: one training per fold, validated on the comments that it was not trained on.

No training uses the test part. A comment's digest determines its fold.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from liuyan.progress import Report
from model.training.data import Comment, Part, content_of, part_of
from model.training.options import Options
from model.training.train import train
from model.training.trainer import Epoch


@dataclass(frozen=True, slots=True)
class Fold:
    """The scores on a fold of the training that left it out."""

    number: int
    comments: int
    accuracy: float
    macro_f1: float | None


def fold_of(key: str, folds: int) -> int:
    """Return the fold, from 0, of the comment with this key. It is independent of the comment's part."""
    return int(hashlib.sha256(b"fold:" + content_of(key).encode()).hexdigest()[:8], 16) % folds


def part_in_fold(number: int, folds: int) -> Callable[[str], Part]:
    """Return a variant of ``part_of`` in which this fold of train and validation comments is the validation part."""

    def part(key: str) -> Part:
        if part_of(key) == "test":
            return "test"
        return "validation" if fold_of(key, folds) == number else "train"

    return part


def part_without(number: int, folds: int) -> Callable[[str], Part]:
    """Return a variant of ``part_of`` in which this fold of the train part is added to the validation part.

    Teachers use it. They must not be trained on validation comments, on which their students are validated.
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
    """Train into ``output/fold-1`` and so on. Yield each finished fold. Raises UsageError like ``train``."""
    for number in range(folds):
        part = part_in_fold(number, folds)
        folder = output / f"fold-{number + 1}"
        metrics = train(comments, options, folder, progress, report, resume=resume, part=part)
        pooled = metrics["validation"]["pooled"]
        yield Fold(number + 1, pooled["n"], pooled["accuracy"], pooled["macro_f1"])
