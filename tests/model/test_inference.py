"""The inference network computes the same logits as nn.GRU."""

from collections.abc import Callable

import pytest
import torch

from model.artifact import SHIPPED, read_artifact
from model.inference import CHUNK_SIZE, ROWS, InferenceNetwork, PackedRecurrence, PlainRecurrence, recurrence
from model.network import Network, Shape, pad
from model.normalise import character_table, normalise
from model.segment import segment
from model.vocabulary import Vocabulary


def test_inference_network_equals_gru_for_the_shipped_model(real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    configuration = artifact.configuration
    vocabulary = Vocabulary(artifact.words, configuration.maximum_tokens)
    table = character_table(artifact.simplified)
    texts = [vocabulary.look_up(segment(normalise(text, table))) for text in ["", "好", *real_comments(2_200)]]
    network = Network(Shape(len(artifact.words), **artifact.configuration.sizes)).eval()
    network.load_state_dict(dict(artifact.weights))
    with torch.inference_mode():
        trained = torch.cat([network(*pad(texts[start : start + 64])) for start in range(0, len(texts), 64)])
    served = InferenceNetwork(artifact.weights).logits(texts)
    assert len(texts) > ROWS * 2  # rows read several texts
    assert torch.std(trained) > 1
    torch.testing.assert_close(served.sigmoid(), trained.sigmoid(), rtol=0, atol=1e-5)


def test_any_sizes_and_any_mixture_of_lengths() -> None:
    torch.manual_seed(3)
    network = Network(Shape(50, 6, 5)).eval()
    texts = [tuple(torch.randint(50, (length,)).tolist()) for length in (1, 400, 7, 7, 1, 33, 2)]
    with torch.inference_mode():
        trained = network(*pad(texts))
        alone = torch.stack([network.forward_equal(torch.tensor([text]))[0][0] for text in texts])
    served = InferenceNetwork(network.state_dict())
    torch.testing.assert_close(served.logits(texts), trained, rtol=0, atol=1e-5)
    torch.testing.assert_close(alone, trained, rtol=0, atol=1e-5)
    assert served.logits([]).tolist() == []


def test_more_texts_than_a_chunk() -> None:
    torch.manual_seed(5)
    served = InferenceNetwork(Network(Shape(50, 6, 5)).state_dict())
    texts = [(number % 50, number % 7) if number % 3 else (number % 50,) for number in range(CHUNK_SIZE + 700)]
    each = {text: served.logits([text])[0] for text in set(texts)}
    torch.testing.assert_close(served.logits(texts), torch.stack([each[text] for text in texts]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 15, 16, 39])
def test_both_recurrences_are_equal(rows: int) -> None:
    torch.manual_seed(4)
    hidden = 5
    weight, bias, state = torch.randn(hidden, 3 * hidden), torch.randn(3 * hidden), torch.randn(48, hidden)
    bias[: 2 * hidden] = 0
    switches = torch.randn(rows, 2 * hidden)
    for implementation in (PackedRecurrence(weight, bias), PlainRecurrence(weight, bias)):
        given, now = switches.clone(), state.clone()
        add = implementation.over(given, now)
        for _ in range(2):  # the same views with new contents
            gates, before = now[:rows] @ weight + bias, given.clone()
            candidate = add()
            torch.testing.assert_close(given, before + gates[:, : 2 * hidden])
            torch.testing.assert_close(candidate, gates[:, 2 * hidden :])
            now.mul_(0.5)


@pytest.mark.parametrize(
    ("capability", "available", "expected"),
    [("AVX512", True, PackedRecurrence), ("AVX512", False, PlainRecurrence), ("AVX2", True, PlainRecurrence)],
)
def test_recurrence_depends_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, capability: str, available: bool, expected: type
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: available)
    assert isinstance(recurrence(torch.randn(5, 15), torch.randn(15)), expected)
