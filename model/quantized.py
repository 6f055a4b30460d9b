"""A model's numbers as they are stored: vectors of words in 8 bits, all others in float16.

Each word's vector has a scale of its own, which takes its largest number to 127. That moves the logit of a comment by a
thousandth, and leaves half of the artifact to n-grams (docs/decisions/ngrams-beside-the-network.md).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from model.ngrams import NONE, Ngrams

WORDS = "embedding.weight"
# Beside the names of the network's weights.
SCALE, NGRAM_KEYS, NGRAM_WEIGHTS = "embedding.scale", "ngrams.keys", "ngrams.weights"
# Of 8 bits with a sign; -128 stays unused, so that the range is the same on both sides.
LARGEST = 127
# The least scale that float16 holds with all its digits: smaller ones would be others once they are stored again.
SMALLEST = 2.0**-14


def pack(weights: Mapping[str, Tensor], ngrams: Ngrams) -> dict[str, Tensor]:
    """Tensors to store for ``weights`` by their names in the model, and for ``ngrams``, which may be none."""
    others = ((name, tensor) for name, tensor in weights.items() if name != WORDS)
    stored = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in others}
    if WORDS in weights:
        stored[WORDS], stored[SCALE] = _round(weights[WORDS].detach())
    if len(ngrams):
        stored[NGRAM_KEYS] = torch.from_numpy(ngrams.keys)
        stored[NGRAM_WEIGHTS] = torch.from_numpy(ngrams.weights).to(torch.float16)
    return stored


def unpack(stored: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Ngrams]:
    """Weights in float32 and n-grams out of what ``pack`` gave, today or before words were stored in 8 bits.

    Raises ValueError when scales or n-grams are not of the form that they must have.
    """
    beside = (SCALE, NGRAM_KEYS, NGRAM_WEIGHTS)
    weights = {name: tensor.to(torch.float32) for name, tensor in stored.items() if name not in beside}
    if SCALE in stored:
        scale = stored[SCALE]
        if WORDS not in weights or scale.shape != weights[WORDS].shape[:1]:
            raise ValueError("weights.safetensors does not hold a scale for each word")
        weights[WORDS] = weights[WORDS] * scale.to(torch.float32)[:, None]
    return weights, _ngrams(stored)


def _round(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """``vectors`` (words, width) in int8, and the scale of each in float16. Done again it changes nothing."""
    scale = (vectors.abs().amax(1) / LARGEST).clamp(min=SMALLEST).to(torch.float16)
    whole = (vectors / scale.to(torch.float32)[:, None]).round().clamp(-LARGEST, LARGEST)
    return whole.to(torch.int8), scale


def _ngrams(stored: Mapping[str, Tensor]) -> Ngrams:
    keys, weights = stored.get(NGRAM_KEYS), stored.get(NGRAM_WEIGHTS)
    if keys is None and weights is None:
        return NONE
    if keys is None or weights is None or keys.dtype != torch.int32 or keys.ndim != 1 or keys.shape != weights.shape:
        raise ValueError("weights.safetensors does not hold a key and a weight for each n-gram")
    if not bool((keys.diff() > 0).all()):
        raise ValueError("the keys of the n-grams in weights.safetensors do not ascend")
    return Ngrams(keys.numpy(), weights.to(torch.float32).numpy())
