"""Convert weights to their stored form: word vectors in 8 bits, everything else in float16.

Each word vector has its own scale, which maps its largest number to 127. Quantization changes the logit of a comment by
about 0.001 and makes room for n-grams (docs/decisions/character-ngrams.md).
"""

from collections.abc import Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

from model.ngrams import NONE, Ngrams

Array = NDArray[Any]

WORDS = "embedding.weight"
# Names of the other stored tensors.
SCALE, NGRAM_KEYS, NGRAM_WEIGHTS = "embedding.scale", "ngrams.keys", "ngrams.weights"
# The largest signed 8-bit number; -128 is unused, so that the range is symmetric.
LARGEST = 127
# The smallest normal number of float16. Smaller scales would change when the weights are quantized again.
SMALLEST = 2.0**-14


def pack(weights: Mapping[str, Array], ngrams: Ngrams) -> dict[str, Array]:
    """Return the tensors to store for ``weights``, by their names in the model, and ``ngrams``, which may be empty."""
    rest = ((name, tensor) for name, tensor in weights.items() if name != WORDS)
    stored: dict[str, Array] = {name: numpy.ascontiguousarray(tensor, numpy.float16) for name, tensor in rest}
    if WORDS in weights:
        stored[WORDS], stored[SCALE] = _quantize(weights[WORDS])
    if len(ngrams):
        stored[NGRAM_KEYS] = ngrams.keys
        stored[NGRAM_WEIGHTS] = ngrams.weights.astype(numpy.float16)
    return stored


def unpack(stored: Mapping[str, Array]) -> tuple[dict[str, Array], Ngrams]:
    """Return float32 weights and n-grams from stored tensors, also from those of before quantization.

    Raises ValueError when scales or n-grams have the wrong form.
    """
    extra = (SCALE, NGRAM_KEYS, NGRAM_WEIGHTS)
    weights = {name: tensor.astype(numpy.float32) for name, tensor in stored.items() if name not in extra}
    if SCALE in stored:
        scale = stored[SCALE]
        if WORDS not in weights or scale.shape != weights[WORDS].shape[:1]:
            raise ValueError("weights.safetensors does not have a scale for each word")
        weights[WORDS] = weights[WORDS] * scale.astype(numpy.float32)[:, None]
    return weights, _ngrams(stored)


def _quantize(vectors: Array) -> tuple[Array, Array]:
    """Return ``vectors`` (words, width) as int8 and their scales (words) as float16. Idempotent."""
    scale = numpy.maximum(numpy.abs(vectors).max(1) / numpy.float32(LARGEST), numpy.float32(SMALLEST))
    scale = scale.astype(numpy.float16)
    whole = numpy.rint(vectors / scale.astype(numpy.float32)[:, None]).clip(-LARGEST, LARGEST)
    return whole.astype(numpy.int8), scale


def _ngrams(stored: Mapping[str, Array]) -> Ngrams:
    keys, weights = stored.get(NGRAM_KEYS), stored.get(NGRAM_WEIGHTS)
    if keys is None and weights is None:
        return NONE
    if keys is None or weights is None or keys.dtype != numpy.int32 or keys.ndim != 1 or keys.shape != weights.shape:
        raise ValueError("weights.safetensors does not have a key and a weight for each n-gram")
    if not (numpy.diff(keys) > 0).all():
        raise ValueError("the n-gram keys in weights.safetensors are not ascending")
    return Ngrams(keys, weights.astype(numpy.float32))
