"""Quantization has a bounded error and is idempotent."""

import numpy
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.artifact import SHIPPED, read_artifact
from model.inference import InferenceNetwork
from model.network import Network, Shape
from model.ngrams import NONE
from model.quantized import SCALE, SMALLEST, WORDS, pack, unpack

Vectors = st.lists(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), min_size=1, max_size=6)


@given(Vectors)
def test_quantization_error_is_at_most_half_a_step(vectors: list[list[float]]) -> None:
    words = numpy.array(vectors, numpy.float32)
    read, _ = unpack(pack({WORDS: words}, NONE))
    steps = numpy.abs(words).max(1, keepdims=True) / 127
    # The scale itself has 11 bits, which adds up to a sixteenth of a step for the largest numbers.
    assert bool((numpy.abs(read[WORDS] - words) <= 0.57 * steps + SMALLEST / 2).all())


@given(Vectors)
def test_quantization_is_idempotent(vectors: list[list[float]]) -> None:
    once = pack({WORDS: numpy.array(vectors, numpy.float32)}, NONE)
    twice = pack(unpack(once)[0], NONE)
    assert numpy.array_equal(once[WORDS], twice[WORDS])
    assert numpy.array_equal(once[SCALE], twice[SCALE])


def test_other_weights_are_in_float16() -> None:
    torch.manual_seed(1)
    weights = Network(Shape(7, 4, 3)).stored_weights()
    stored = pack(weights, NONE)
    assert stored.keys() == weights.keys() | {SCALE}
    assert (str(stored[WORDS].dtype), stored[SCALE].shape) == ("int8", (7,))
    read, ngrams = unpack(stored)
    assert len(ngrams) == 0
    for name in weights.keys() - {WORDS}:
        assert numpy.array_equal(read[name], weights[name].astype(numpy.float16))


def test_quantization_hardly_changes_logits() -> None:
    weights = dict(read_artifact(SHIPPED).weights)
    chance = numpy.random.default_rng(1)
    # Numbers that were quantized before would not change at all.
    weights[WORDS] = weights[WORDS] + 1e-3 * chance.standard_normal(weights[WORDS].shape, numpy.float32)
    texts = [tuple(chance.integers(2, 20_000, 40).tolist()) for _ in range(200)]
    moved = InferenceNetwork(unpack(pack(weights, NONE))[0]).logits(texts) - InferenceNetwork(weights).logits(texts)
    assert 0 < numpy.abs(moved).mean() < 0.005
