"""The encoder as a teacher: trained where its file in the cache stands, and asked about texts."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy
import torch

from liuyan.errors import UsageError
from liuyan.model.data import Comment
from liuyan.model.progress import Report
from liuyan.model.teachers.corpus import Corpus, spell
from liuyan.model.teachers.encoder import PieceReader, build_encoder
from liuyan.model.teachers.encoder_training import (
    EncoderCheck,
    EncoderOptions,
    EncoderTraining,
    answer,
    comments_seen,
    fine_tune,
    mean_state,
)
from liuyan.model.teachers.packed import find_packed, read_packed

# Validation comments of each set that a check looks at.
CHECKED = 250
# Pieces computed at once when asking: nothing is kept for a gradient.
TOGETHER = 8_192


def train_encoder(
    corpus: Corpus, path: Path, options: EncoderOptions, until: int, report: Report
) -> Iterator[EncoderCheck]:
    """Train the encoder in ``path`` until it saw ``until`` comments, from where it stands; gives a row a check."""
    if path.exists() and comments_seen(path) >= until:
        return
    packed = read_packed(find_packed())
    training = EncoderTraining(build_encoder(packed), options)
    if path.exists():
        training.load(path)
    reader = PieceReader(packed.pieces, options.longest)
    comments = list(corpus.parts["train"].values())
    pieces = reader.read(spell([one.text for one in comments]))
    held = _first_of_each(corpus.parts["validation"].values())
    held_pieces = reader.read(spell([one.text for one in held]))
    judge = build_encoder(packed)

    def check() -> Mapping[str, float]:
        judge.load_state_dict(training.mean_state())
        logits = answer(judge.eval(), held_pieces, TOGETHER, lambda done: None)
        right = (logits >= 0).numpy() == numpy.array([one.positive for one in held])
        sources = numpy.array([one.source for one in held])
        return {str(source): float(right[sources == source].mean()) for source in numpy.unique(sources)}

    yield from fine_tune(training, pieces, comments, until, path, check, report)


def _first_of_each(comments: Iterable[Comment]) -> list[Comment]:
    counts: dict[str, int] = {}
    chosen = []
    for comment in comments:
        counts[comment.source] = counts.get(comment.source, 0) + 1
        if counts[comment.source] <= CHECKED:
            chosen.append(comment)
    return chosen


class EncoderTeacher:
    """Answers with the running mean of a training's weights; ``digest`` names exactly these."""

    name = "encoder"

    def __init__(self, path: Path) -> None:
        """Raises UsageError when there is no training in ``path``."""
        if not path.exists():
            raise UsageError(f"There is no encoder {path}: train one with `liuyan model teacher encoder`.")
        packed = read_packed(find_packed())
        saved = torch.load(path, weights_only=True, mmap=True)
        self._encoder = build_encoder(packed).eval()
        state = mean_state(self._encoder, saved["mean"])
        self._encoder.load_state_dict(state)
        self._reader = PieceReader(packed.pieces, EncoderOptions(**saved["options"]).longest)
        self.digest = hashlib.sha256(b"".join(one.numpy().tobytes() for one in state.values())).hexdigest()

    def answer(self, comments: Mapping[str, str]) -> list[float]:
        """Logits for texts by their digests."""
        pieces = self._reader.read(spell(list(comments.values())))
        logits: list[float] = answer(self._encoder, pieces, TOGETHER, lambda done: None).tolist()
        return logits
