"""Quantization has a bounded error and is idempotent."""

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
    words = torch.tensor(vectors)
    read, _ = unpack(pack({WORDS: words}, NONE))
    steps = words.abs().amax(1, keepdim=True) / 127
    # The scale itself has 11 bits, which adds up to a sixteenth of a step for the largest numbers.
    assert bool(((read[WORDS] - words).abs() <= 0.57 * steps + SMALLEST / 2).all())


@given(Vectors)
def test_quantization_is_idempotent(vectors: list[list[float]]) -> None:
    once = pack({WORDS: torch.tensor(vectors)}, NONE)
    twice = pack(unpack(once)[0], NONE)
    assert torch.equal(once[WORDS], twice[WORDS])
    assert torch.equal(once[SCALE], twice[SCALE])


def test_other_weights_are_in_float16() -> None:
    torch.manual_seed(1)
    weights = Network(Shape(7, 4, 3)).state_dict()
    stored = pack(weights, NONE)
    assert stored.keys() == weights.keys() | {SCALE}
    assert (stored[WORDS].dtype, stored[SCALE].shape) == (torch.int8, (7,))
    read, ngrams = unpack(stored)
    assert len(ngrams) == 0
    for name in weights.keys() - {WORDS}:
        assert torch.equal(read[name], weights[name].to(torch.float16).float())


def test_quantization_hardly_changes_logits() -> None:
    weights = dict(read_artifact(SHIPPED).weights)
    torch.manual_seed(1)
    # Numbers that were quantized before would not change at all.
    weights[WORDS] = weights[WORDS] + 1e-3 * torch.randn_like(weights[WORDS])
    chance = torch.Generator().manual_seed(1)
    texts = [tuple(torch.randint(2, 20_000, (40,), generator=chance).tolist()) for _ in range(200)]
    moved = InferenceNetwork(unpack(pack(weights, NONE))[0]).logits(texts) - InferenceNetwork(weights).logits(texts)
    assert 0 < float(moved.abs().mean()) < 0.005
