"""GRUs as one teacher, cross-fitted: each learns without a fifth of the comments, under a seed of its own.

A GRU that has seen a comment repeats its label (92 % right on Weibo posts that it learnt, 84 % on others). So of a
comment that they learnt from only the one is asked which did not; of all other comments they give their mean.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from model.artifact import SUMS
from model.progress import Report
from model.training.data import Comment
from model.training.options import Options
from model.training.train import train
from model.training.trainer import Epoch
from research.cached_runs import fingerprint, once
from research.teacher.answers import Reply
from research.teacher.gru import GruTeacher
from research.train.folds import fold_of, part_without

FOLDS = 5


def train_grus(
    comments: Mapping[str, Comment],
    options: Options,
    folder: Path,
    progress: Report,
    report: Callable[[Epoch], None],
    folds: int = FOLDS,
) -> list[Path]:
    """Train those that are not done yet in ``folder``, from where they stand; gives the folders of all."""
    data, paths = fingerprint(comments), []
    for number in range(folds):
        told = replace(options, seed=options.seed + number)
        part = part_without(number, folds)
        training = partial(train, comments, told, progress=progress, report=report, resume=True, part=part)
        paths.append(once(folder, f"gru-{number + 1}-of-{folds}", told, data, training))
    return paths


class GruEnsemble:
    """The GRUs of ``train_grus``, asked as the linear teacher is."""

    name = "grus"
    width = 0

    def __init__(self, paths: Sequence[Path], learnt: Mapping[str, Comment]) -> None:
        """``learnt`` by digest are the comments of the train part. Raises ArtifactError."""
        self._paths = paths
        self._learnt = learnt
        sums = b"".join((path / SUMS).read_bytes() for path in paths)
        self.digest = hashlib.sha256(sums).hexdigest()
        self._grus: list[GruTeacher] = []

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """Logits; of a comment that they learnt from, that of the GRU which did not see it."""
        self._grus = self._grus or [GruTeacher(path) for path in self._paths]
        said: dict[str, list[float]] = {key: [] for key in comments}
        for number, gru in enumerate(self._grus):
            asked = {
                key: text
                for key, text in comments.items()
                if key not in self._learnt or fold_of(key, len(self._grus)) == number
            }
            for key, logit in zip(asked, gru.answer(asked).logits, strict=True):
                said[key].append(logit)
        return Reply([sum(logits) / len(logits) for logits in said.values()])
