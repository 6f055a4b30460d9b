"""The encoder as a teacher: trained where its file in the cache stands, and asked about texts."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from torch import Tensor

from liuyan.errors import UsageError
from model.processor import CPU
from model.progress import Report
from model.training.data import Comment
from research.hints import Vectors
from research.negation import negations
from research.teacher.answers import Reply
from research.teacher.bge import load_bge
from research.teacher.corpus import Corpus, spell
from research.teacher.e5 import load_e5
from research.teacher.encoder import Encoder, build_encoder
from research.teacher.encoder_training import (
    EncoderCheck,
    EncoderOptions,
    EncoderTraining,
    answer,
    comments_seen,
    fine_tune,
    mean_state,
)
from research.teacher.pretrained import Pretrained, Reader

# Validation comments of each set that a check looks at.
CHECKED = 250
# What a training may begin with.
PRETRAINED: Mapping[str, Callable[[Path], Pretrained]] = {"e5": load_e5, "bge": load_bge}
# A piece of e5 is a word, one of bge a character; bge has a third of e5's layers, which can learn faster.
OPTIONS = {"e5": EncoderOptions(), "bge": EncoderOptions(pretrained="bge", longest=128, rate=1.5e-4)}
# On a graphics card, which computes many texts at once and sees each comment several times in minutes.
RATES_ON_CUDA = {"e5": 2e-4, "bge": 3e-4}
# Times as many pieces are computed at once when asking as when learning: nothing is kept for a gradient.
ASKED_TOGETHER = 4
# Comments between two checks, at least; never less than a chunk.
CHECKS_EVERY = 16_384


def encoder_path(folder: Path, pretrained: str) -> Path:
    """Where the training of an encoder stands. Raises UsageError when there is none of that name."""
    if pretrained not in PRETRAINED:
        raise UsageError(f"There is no encoder {pretrained}: name one of {', '.join(PRETRAINED)}.")
    return folder / f"encoder-{pretrained}.pt"


def options_on(device: torch.device) -> Mapping[str, EncoderOptions]:
    """What the encoders are trained with on ``device``, by their names."""
    if device.type == "cpu":
        return OPTIONS
    return {name: _for_many(OPTIONS[name], rate) for name, rate in RATES_ON_CUDA.items()}


def _for_many(options: EncoderOptions, rate: float) -> EncoderOptions:
    """For comments that are seen several times: words learn too, and what is learnt by heart is held back."""
    return replace(
        options, rate=rate, pieces_in_batch=32_768, chunk=262_144, drawn_power=0.75,
        learns_words=True, dropout=0.1, masked=0.08,
    )  # fmt: skip


def train_encoder(
    corpus: Corpus, path: Path, options: EncoderOptions, until: int, report: Report, device: torch.device = CPU
) -> Iterator[EncoderCheck]:
    """Train the encoder in ``path`` until it saw ``until`` comments, from where it stands; gives a row a check."""
    if path.exists() and comments_seen(path) >= until:
        return
    pretrained = PRETRAINED[options.pretrained](path.parent)

    def begin() -> Encoder:
        return build_encoder(pretrained, options.learns_words, options.dropout).to(device)

    training = EncoderTraining(begin(), options)
    if path.exists():
        training.load(path)
    reader = pretrained.reader(options.longest)
    comments = [*corpus.parts["train"].values(), *negations(1.0).values()]
    pieces = reader.read(spell([one.text for one in comments]))
    held = _first_of_each(corpus.parts["validation"].values())
    held_pieces = reader.read(spell([one.text for one in held]))
    judge = begin()

    def check() -> Mapping[str, float]:
        judge.load_state_dict(training.mean_state())
        logits, _ = answer(judge.eval(), held_pieces, ASKED_TOGETHER * options.pieces_in_batch)
        right = (logits >= 0).numpy() == numpy.array([one.positive for one in held])
        sources = numpy.array([one.source for one in held])
        return {str(source): float(right[sources == source].mean()) for source in numpy.unique(sources)}

    every = max(CHECKS_EVERY, options.chunk)
    yield from fine_tune(training, pieces, comments, until, path, check, report, checks_every=every)


def _first_of_each(comments: Iterable[Comment]) -> list[Comment]:
    counts: dict[str, int] = {}
    chosen = []
    for comment in comments:
        counts[comment.source] = counts.get(comment.source, 0) + 1
        if counts[comment.source] <= CHECKED:
            chosen.append(comment)
    return chosen


def vectors_before(name: str, folder: Path, words: Sequence[str]) -> Vectors:
    """Vectors (words, width) of single words from the encoder as it was pretrained, before it learnt what is good."""
    pretrained = PRETRAINED[name](folder)
    options = OPTIONS[name]
    return _vectors(build_encoder(pretrained).eval(), pretrained.reader(options.longest), options, words)


def _answer(encoder: Encoder, reader: Reader, options: EncoderOptions, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    return answer(encoder, reader.read(spell(list(texts))), ASKED_TOGETHER * options.pieces_in_batch)


def _vectors(encoder: Encoder, reader: Reader, options: EncoderOptions, words: Sequence[str]) -> Vectors:
    vectors: Vectors = _answer(encoder, reader, options, words)[1].numpy()
    return vectors


class EncoderTeacher:
    """Answers with the running mean of a training's weights; ``digest`` names exactly these."""

    def __init__(self, path: Path, device: torch.device = CPU) -> None:
        """Raises UsageError when there is no training in ``path``."""
        if not path.exists():
            raise UsageError(f"There is no encoder {path}: train one with `python -m research.teacher encoder`.")
        saved = torch.load(path, weights_only=True, mmap=True, map_location=CPU)
        options = EncoderOptions(**saved["options"])
        pretrained = PRETRAINED[options.pretrained](path.parent)
        self.name = f"encoder {options.pretrained}"
        self._encoder = build_encoder(pretrained, options.learns_words).eval()
        state = mean_state(self._encoder, saved["mean"])
        self._encoder.load_state_dict(state)
        self._encoder.to(device)
        self._reader = pretrained.reader(options.longest)
        self._options = options
        self.width = pretrained.sizes.width
        self.digest = hashlib.sha256(b"".join(one.numpy().tobytes() for one in state.values())).hexdigest()

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """Logits for texts by their digests, and the means of the last states from which they come."""
        logits, means = _answer(self._encoder, self._reader, self._options, list(comments.values()))
        return Reply(logits.tolist(), means.numpy())

    def of_words(self, words: Sequence[str]) -> Vectors:
        """Vectors (words, width) of single words, each read as if it were a text."""
        return _vectors(self._encoder, self._reader, self._options, words)
