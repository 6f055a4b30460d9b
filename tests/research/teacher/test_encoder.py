"""Fine-tuning an encoder: training, checkpoints and sampling."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from liuyan.errors import LiuyanError
from model.training.data import Comment
from research.teacher.encoder import Encoder
from research.teacher.encoder_training import (
    EncoderCheck,
    EncoderOptions,
    EncoderTraining,
    answer,
    draw_weights,
    fine_tune,
)
from research.teacher.pretrained import Sizes
from tests.model.reports import silent

pytestmark = pytest.mark.trains

TINY = Sizes(width=16, layers=2, heads=4, inner=32, vocabulary=60, longest=16, epsilon=1e-12, mask=1)
OPTIONS = EncoderOptions(longest=16, pieces_in_batch=64, chunk=100, rate=3e-3, output_rate=1e-2, warmup=5)


@pytest.fixture
def pieces() -> list[tuple[int, ...]]:
    """Texts of token numbers in which only 7 is positive and only 9 is negative."""
    return [(0, *range(20, 21 + place % 5), 7 if place % 2 else 9, 2) for place in range(200)]


@pytest.fixture
def comments() -> list[Comment]:
    return [Comment("", bool(place % 2), "shop", float(place % 2)) for place in range(200)]


def tiny() -> EncoderTraining:
    torch.manual_seed(0)
    return EncoderTraining(Encoder(TINY, torch.randn(TINY.vocabulary, TINY.width)), OPTIONS)


def run(
    training: EncoderTraining, pieces: list[tuple[int, ...]], comments: list[Comment], until: int, path: Path
) -> Iterator[EncoderCheck]:
    check = {"shop": 0.5}
    return fine_tune(training, pieces, comments, until, path, lambda: check, silent, checks_every=500)


def test_a_resumed_training_has_the_same_result(
    pieces: list[tuple[int, ...]], comments: list[Comment], tmp_path: Path
) -> None:
    whole = tiny()
    assert [row.comments // 500 for row in run(whole, pieces, comments, 1_200, tmp_path / "whole.pt")] == [1, 2, 2]
    killed = tiny()
    next(run(killed, pieces, comments, 1_200, tmp_path / "killed.pt"))
    resumed = tiny()
    resumed.load(tmp_path / "killed.pt")
    assert 500 <= resumed.position.comments < 600
    list(run(resumed, pieces, comments, 1_200, tmp_path / "killed.pt"))
    assert resumed.position == whole.position
    assert all(torch.equal(one, resumed.mean_state()[name]) for name, one in whole.mean_state().items())
    whole.encoder.load_state_dict(whole.mean_state())
    logits, means = answer(whole.encoder.eval(), pieces, 256)
    assert torch.allclose(whole.encoder.output(means.float())[:, 0], logits, atol=0.05)
    correct = [bool(logit > 0) == one.positive for logit, one in zip(logits, comments, strict=True)]
    assert sum(correct) > 190


@pytest.mark.parametrize(("capability", "reduced"), [("AVX512", True), ("AVX2", False)])
def test_reduced_precision_depends_on_the_processor(
    pieces: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch, capability: str, reduced: bool
) -> None:
    encoder = tiny().encoder.eval()
    torch.nn.init.normal_(encoder.output.weight)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    logits = answer(encoder, pieces[:1], 64)[0]
    with torch.inference_mode():
        exact = encoder(torch.tensor(pieces[:1]))
    assert torch.equal(logits, exact) is not reduced
    assert torch.allclose(logits, exact, atol=0.1)


def test_other_options(tmp_path: Path) -> None:
    tiny().save(tmp_path / "a.pt")
    other = EncoderTraining(Encoder(TINY, torch.randn(TINY.vocabulary, TINY.width)), EncoderOptions(seed=2))
    with pytest.raises(LiuyanError, match="was written with other options"):
        other.load(tmp_path / "a.pt")


def test_token_embeddings_are_trained(pieces: list[tuple[int, ...]], comments: list[Comment], tmp_path: Path) -> None:
    options = replace(OPTIONS, learns_words=True, dropout=0.1, masked=0.2, drawn_power=0.75)
    torch.manual_seed(0)
    words = torch.randn(TINY.vocabulary, TINY.width)
    training = EncoderTraining(Encoder(TINY, words, learns_words=True, dropout=0.1), options)
    list(run(training, pieces, comments, 1_500, tmp_path / "a.pt"))
    state = training.mean_state()
    assert not torch.equal(state["words"][7], words[7])
    assert state["positions"].any()
    resumed = Encoder(TINY, words, learns_words=True).eval()
    resumed.load_state_dict(state)
    correct = [
        bool(logit > 0) == one.positive for logit, one in zip(answer(resumed, pieces, 256)[0], comments, strict=True)
    ]
    assert sum(correct) > 190
    with pytest.raises(LiuyanError, match="was written with other options"):
        tiny().load(tmp_path / "a.pt")


def test_tokens_are_masked() -> None:
    training = EncoderTraining(Encoder(TINY, torch.zeros(TINY.vocabulary, TINY.width)), replace(OPTIONS, masked=1.0))
    shown: list[Tensor] = []
    training.encoder.register_forward_pre_hook(lambda _, numbers: shown.append(*numbers))
    training.step(torch.tensor([[0, 7, 20, 2]]), torch.ones(1), 1.0)
    assert shown[0].tolist() == [[0, TINY.mask, TINY.mask, 2]]


def test_data_sets_are_sampled_by_a_power_of_their_size() -> None:
    sources, rated = ["large"] * 16 + ["small"], [False] * 17
    for power, ratio in ((0.5, 4), (0.75, 8), (1.0, 16)):
        weights = draw_weights(sources, rated, 0.6, power)
        assert sum(weights[:16]) / weights[16] == pytest.approx(ratio)
