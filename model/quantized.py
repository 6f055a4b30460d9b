"""Convert weights to their stored form: word vectors in 8 bits, everything else in float16.

Each word vector has its own scale, which maps its largest number to 127. Quantization changes the logit of a comment by
about 0.001 and makes room for n-grams (docs/decisions/character-ngrams.md).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from model.ngrams import NONE, Ngrams

WORDS = "embedding.weight"
# Names of the other stored tensors.
SCALE, NGRAM_KEYS, NGRAM_WEIGHTS = "embedding.scale", "ngrams.keys", "ngrams.weights"
# The largest signed 8-bit number; -128 is unused, so that the range is symmetric.
LARGEST = 127
# The smallest normal number of float16. Smaller scales would change when the weights are quantized again.
SMALLEST = 2.0**-14


def pack(weights: Mapping[str, Tensor], ngrams: Ngrams) -> dict[str, Tensor]:
    """Return the tensors to store for ``weights``, by their names in the model, and ``ngrams``, which may be empty."""
    rest = ((name, tensor) for name, tensor in weights.items() if name != WORDS)
    stored = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in rest}
    if WORDS in weights:
        stored[WORDS], stored[SCALE] = _quantize(weights[WORDS].detach())
    if len(ngrams):
        stored[NGRAM_KEYS] = torch.from_numpy(ngrams.keys)
        stored[NGRAM_WEIGHTS] = torch.from_numpy(ngrams.weights).to(torch.float16)
    return stored


def unpack(stored: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Ngrams]:
    """Return float32 weights and n-grams from stored tensors, also from those of before quantization.

    Raises ValueError when scales or n-grams have the wrong form.
    """
    extra = (SCALE, NGRAM_KEYS, NGRAM_WEIGHTS)
    weights = {name: tensor.to(torch.float32) for name, tensor in stored.items() if name not in extra}
    if SCALE in stored:
        scale = stored[SCALE]
        if WORDS not in weights or scale.shape != weights[WORDS].shape[:1]:
            raise ValueError("weights.safetensors does not have a scale for each word")
        weights[WORDS] = weights[WORDS] * scale.to(torch.float32)[:, None]
    return weights, _ngrams(stored)


def _quantize(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``vectors`` (words, width) as int8 and their scales (words) as float16. Idempotent."""
    scale = (vectors.abs().amax(1) / LARGEST).clamp(min=SMALLEST).to(torch.float16)
    whole = (vectors / scale.to(torch.float32)[:, None]).round().clamp(-LARGEST, LARGEST)
    return whole.to(torch.int8), scale


def _ngrams(stored: Mapping[str, Tensor]) -> Ngrams:
    keys, weights = stored.get(NGRAM_KEYS), stored.get(NGRAM_WEIGHTS)
    if keys is None and weights is None:
        return NONE
    if keys is None or weights is None or keys.dtype != torch.int32 or keys.ndim != 1 or keys.shape != weights.shape:
        raise ValueError("weights.safetensors does not have a key and a weight for each n-gram")
    if not bool((keys.diff() > 0).all()):
        raise ValueError("the n-gram keys in weights.safetensors are not ascending")
    return Ngrams(keys.numpy(), weights.to(torch.float32).numpy())
