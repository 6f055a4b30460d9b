"""The folded network says what nn.GRU says."""

from collections.abc import Callable

import pytest
import torch

from liuyan.model import folded
from liuyan.model.artifact import SHIPPED, read_artifact
from liuyan.model.folded import FoldedNetwork
from liuyan.model.network import Network, Shape, pad
from liuyan.model.normalise import character_table, normalise
from liuyan.model.segment import segment
from liuyan.model.vocabulary import Vocabulary


def test_shipped_model_folded_equals_gru(real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    configuration = artifact.configuration
    vocabulary = Vocabulary(artifact.words, configuration.maximum_tokens)
    table = character_table(artifact.simplified)
    texts = [vocabulary.look_up(segment(normalise(text, table))) for text in ["", "好", *real_comments(1_200)]]
    network = Network(Shape(len(artifact.words), configuration.embedding, configuration.hidden)).eval()
    network.load_state_dict(dict(artifact.weights))
    with torch.inference_mode():
        trained = torch.cat([network(*pad(texts[start : start + 64])) for start in range(0, len(texts), 64)])
    served = FoldedNetwork(artifact.weights).logits(texts)
    assert len(texts) > folded.ROWS * 2  # more than one pass through the buffers
    assert torch.std(trained) > 1
    torch.testing.assert_close(served.sigmoid(), trained.sigmoid(), rtol=0, atol=1e-5)


def test_any_sizes_and_any_mixture_of_lengths() -> None:
    torch.manual_seed(3)
    network = Network(Shape(50, 6, 5)).eval()
    texts = [tuple(torch.randint(50, (length,)).tolist()) for length in (1, 400, 7, 7, 1, 33, 2)]
    with torch.inference_mode():
        trained = network(*pad(texts))
        alone = torch.stack([network.forward_equal(torch.tensor([text]))[0][0] for text in texts])
    served = FoldedNetwork(network.state_dict())
    torch.testing.assert_close(served.logits(texts), trained, rtol=0, atol=1e-5)
    torch.testing.assert_close(alone, trained, rtol=0, atol=1e-5)
    assert served.logits([]).tolist() == []


def test_without_onednn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(4)
    weights = Network(Shape(50, 6, 5)).state_dict()
    texts = [tuple(torch.randint(50, (length,)).tolist()) for length in range(1, 40)]
    packed = FoldedNetwork(weights).logits(texts)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    torch.testing.assert_close(FoldedNetwork(weights).logits(texts), packed, rtol=0, atol=1e-5)
