"""What an encoder tells a network beside the label: the vectors behind its answers, and those of single words.

Vectors of comments are guessed in training, so that the network hears why and not only what. Vectors of words are what
the network's own begin with: most words are too rare to learn much about from comments alone.
"""

from collections.abc import Callable, Sequence

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from model.network import DEVIATION
from model.training.hints import Hints

Vectors = NDArray[numpy.float16]
# Gives the vectors (words, width) of single words.
OfWords = Callable[[Sequence[str]], Vectors]
# Principal components that are kept of a comment's vector, and vectors that these are found by.
COMPONENTS = 128
FOUND_BY = 50_000


def gather_hints(keys: Sequence[str], vectors: Vectors) -> Hints:
    """``vectors`` (comments, width) of the comments ``keys`` in few numbers, whose squares sum to 1 on average."""
    mean, axes, variance = _principal(torch.from_numpy(_spread(vectors).astype(numpy.float32)), COMPONENTS)
    reduced = torch.empty(len(vectors), axes.shape[1], dtype=torch.float16)
    for start in range(0, len(vectors), FOUND_BY):
        chunk = torch.from_numpy(vectors[start : start + FOUND_BY].astype(numpy.float32))
        reduced[start : start + FOUND_BY] = ((chunk - mean) @ axes * variance**-0.5).half()
    return Hints({key: row for row, key in enumerate(keys)}, reduced)


def first_vectors(of_words: OfWords, width: int) -> Callable[[Sequence[str]], Tensor]:
    """Gives the vectors (words, ``width``) that a training's words begin with, out of an encoder's."""
    return lambda words: begin_words(of_words(words), width, DEVIATION)


def begin_words(vectors: Vectors, width: int, deviation: float) -> Tensor:
    """The principal components (words, width) of the directions of ``vectors`` from their mean, so spread about 0.

    Where the vectors are narrower than ``width``, noughts fill the rest.
    """
    directions = directions_from_mean(vectors)
    mean, axes, _ = _principal(directions, width)
    begun = torch.zeros(len(vectors), width)
    begun[:, : axes.shape[1]] = (directions - mean) @ axes
    return begun * (deviation / begun.std())


def directions_from_mean(vectors: Vectors) -> Tensor:
    """Unit vectors (words, width) float32 from the mean of ``vectors`` to each of them."""
    whole = torch.from_numpy(vectors.astype(numpy.float32))
    return normalize(whole - whole.mean(0))


def _spread(vectors: Vectors) -> Vectors:
    """About ``FOUND_BY`` of them, from all over."""
    return vectors[:: max(1, len(vectors) // FOUND_BY)]


def _principal(vectors: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
    """Mean (width), the ``count`` axes (width, count) of most variance, the greatest last, and the variance on them."""
    mean = vectors.mean(0)
    variances, axes = torch.linalg.eigh((vectors - mean).T @ (vectors - mean) / len(vectors))
    return mean, axes[:, -count:], float(variances[-count:].sum())
