"""Vectors of an encoder for a network: hints for comments, and initial word vectors.

The network learns to predict the encoder's vector of each comment, which contains more information than a label. Word
vectors are initialised from the encoder because most words are too rare to learn from comments.
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
# Returns vectors (words, width) of single words.
OfWords = Callable[[Sequence[str]], Vectors]
# Principal components of a comment's vector that are kept, and the number of vectors to compute them from.
COMPONENTS = 128
SAMPLE_SIZE = 50_000


def gather_hints(keys: Sequence[str], vectors: Vectors) -> Hints:
    """Reduce ``vectors`` (comments, width) of the comments ``keys`` to principal components with variance 1."""
    mean, axes, variance = _principal(torch.from_numpy(_spread(vectors).astype(numpy.float32)), COMPONENTS)
    reduced = torch.empty(len(vectors), axes.shape[1], dtype=torch.float16)
    for start in range(0, len(vectors), SAMPLE_SIZE):
        chunk = torch.from_numpy(vectors[start : start + SAMPLE_SIZE].astype(numpy.float32))
        reduced[start : start + SAMPLE_SIZE] = ((chunk - mean) @ axes * variance**-0.5).half()
    return Hints({key: row for row, key in enumerate(keys)}, reduced)


def first_vectors(of_words: OfWords, width: int) -> Callable[[Sequence[str]], Tensor]:
    """Return a function that computes initial word vectors (words, ``width``) from an encoder's vectors."""
    return lambda words: initial_word_vectors(of_words(words), width, DEVIATION)


def initial_word_vectors(vectors: Vectors, width: int, deviation: float) -> Tensor:
    """Return the principal components (words, width) of centred, normalised ``vectors`` with this ``deviation``.

    Vectors narrower than ``width`` are padded with zeros.
    """
    directions = directions_from_mean(vectors)
    mean, axes, _ = _principal(directions, width)
    reduced = torch.zeros(len(vectors), width)
    reduced[:, : axes.shape[1]] = (directions - mean) @ axes
    return reduced * (deviation / reduced.std())


def directions_from_mean(vectors: Vectors) -> Tensor:
    """Return unit vectors (words, width), float32, from the mean of ``vectors`` to each of them."""
    whole = torch.from_numpy(vectors.astype(numpy.float32))
    return normalize(whole - whole.mean(0))


def _spread(vectors: Vectors) -> Vectors:
    """Return about ``SAMPLE_SIZE`` evenly spread vectors."""
    return vectors[:: max(1, len(vectors) // SAMPLE_SIZE)]


def _principal(vectors: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
    """Return mean (width), the ``count`` axes of largest variance (width, count), ascending, and their variance."""
    mean = vectors.mean(0)
    variances, axes = torch.linalg.eigh((vectors - mean).T @ (vectors - mean) / len(vectors))
    return mean, axes[:, -count:], float(variances[-count:].sum())
