"""Use an encoder as a teacher: train it with checkpoints in the cache, and label texts with it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from torch import Tensor

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.processor import CPU
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

# Validation comments of each data set that a check uses.
CHECKED = 250
# Pretrained encoders to choose from.
PRETRAINED: Mapping[str, Callable[[Path], Pretrained]] = {"e5": load_e5, "bge": load_bge}
# Tokens of e5 are words, tokens of bge characters. bge has a third of e5's layers, which allows a higher rate.
OPTIONS = {"e5": EncoderOptions(), "bge": EncoderOptions(pretrained="bge", longest=128, rate=1.5e-4)}
# Rates on a GPU, which uses large batches and trains on each comment several times.
RATES_ON_CUDA = {"e5": 2e-4, "bge": 3e-4}
# Factor between the batch sizes of inference, which stores nothing for a gradient, and training.
INFERENCE_FACTOR = 4
# Minimum number of comments between two checks; at least a chunk.
CHECKS_EVERY = 16_384


def encoder_path(folder: Path, pretrained: str) -> Path:
    """Return the checkpoint path of an encoder. Raises UsageError for an unknown name."""
    if pretrained not in PRETRAINED:
        raise UsageError(f"Unknown encoder {pretrained}. Use one of {', '.join(PRETRAINED)}.")
    return folder / f"encoder-{pretrained}.pt"


def options_on(device: torch.device) -> Mapping[str, EncoderOptions]:
    """Return the training options on ``device`` by encoder."""
    if device.type == "cpu":
        return OPTIONS
    return {name: _for_several_epochs(OPTIONS[name], rate) for name, rate in RATES_ON_CUDA.items()}


def _for_several_epochs(options: EncoderOptions, rate: float) -> EncoderOptions:
    """Return options for several epochs: train token embeddings too, and regularise against memorising."""
    return replace(
        options, rate=rate, pieces_in_batch=32_768, chunk=262_144, drawn_power=0.75,
        learns_words=True, dropout=0.1, masked=0.08,
    )  # fmt: skip


def train_encoder(
    corpus: Corpus, path: Path, options: EncoderOptions, until: int, report: Report, device: torch.device = CPU
) -> Iterator[EncoderCheck]:
    """Train the encoder, resuming from the checkpoint ``path``, up to ``until`` comments. Yield a row per check."""
    if path.exists() and comments_seen(path) >= until:
        return
    pretrained = PRETRAINED[options.pretrained](path.parent)

    def build() -> Encoder:
        return build_encoder(pretrained, options.learns_words, options.dropout).to(device)

    training = EncoderTraining(build(), options)
    if path.exists():
        training.load(path)
    reader = pretrained.reader(options.longest)
    comments = [*corpus.parts["train"].values(), *negations(1.0).values()]
    pieces = reader.read(spell([one.text for one in comments]))
    held = _first_of_each(corpus.parts["validation"].values())
    held_pieces = reader.read(spell([one.text for one in held]))
    averaged = build()

    def check() -> Mapping[str, float]:
        averaged.load_state_dict(training.mean_state())
        logits, _ = answer(averaged.eval(), held_pieces, INFERENCE_FACTOR * options.pieces_in_batch)
        correct = (logits >= 0).numpy() == numpy.array([one.positive for one in held])
        sources = numpy.array([one.source for one in held])
        return {str(source): float(correct[sources == source].mean()) for source in numpy.unique(sources)}

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


def pretrained_vectors(name: str, folder: Path, words: Sequence[str]) -> Vectors:
    """Return vectors (words, width) of single words from the pretrained encoder, before fine-tuning."""
    pretrained = PRETRAINED[name](folder)
    options = OPTIONS[name]
    return _vectors(build_encoder(pretrained).eval(), pretrained.reader(options.longest), options, words)


def _answer(encoder: Encoder, reader: Reader, options: EncoderOptions, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    return answer(encoder, reader.read(spell(list(texts))), INFERENCE_FACTOR * options.pieces_in_batch)


def _vectors(encoder: Encoder, reader: Reader, options: EncoderOptions, words: Sequence[str]) -> Vectors:
    vectors: Vectors = _answer(encoder, reader, options, words)[1].numpy()
    return vectors


class EncoderTeacher:
    """A teacher with the averaged weights of a training; ``digest`` is their hash."""

    def __init__(self, path: Path, device: torch.device = CPU) -> None:
        """Load the checkpoint ``path``. Raises UsageError when it does not exist."""
        if not path.exists():
            raise UsageError(f"There is no encoder {path}. Train one with `python -m research.teacher encoder`.")
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
        """Return logits for texts, given by digest, and the means of the last states behind them."""
        logits, means = _answer(self._encoder, self._reader, self._options, list(comments.values()))
        return Reply(logits.tolist(), means.numpy())

    def of_words(self, words: Sequence[str]) -> Vectors:
        """Return vectors (words, width) of single words, each read as a text."""
        return _vectors(self._encoder, self._reader, self._options, words)
