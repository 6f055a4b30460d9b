"""The labeller: any text gets a label, equal texts are computed once, frequent texts come from the cache."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from model.artifact import SHIPPED, read_artifact
from model.classifier import Classifier
from model.gru import GruInput
from model.inference import InferenceNetwork
from model.labeller import Labeller, load_labeller
from model.ngrams import NgramTable
from model.vocabulary import word_numbers


def test_identity_and_band(shipped: Labeller) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", shipped.sha256)
    assert shipped.name
    assert 0 < shipped.uncertain_low < 0.5 < shipped.uncertain_high < 1


@pytest.mark.parametrize(
    ("metrics", "accuracy"),
    [({"test": {"pooled": {"accuracy": 0.75}}}, 0.75), ({"note": "测"}, None), ({"test": None}, None)],
)
def test_accuracy_of_the_model_card(metrics: dict[str, Any], accuracy: float | None) -> None:
    assert Labeller(replace(read_artifact(SHIPPED), metrics=metrics), 0).test_accuracy == accuracy


@pytest.mark.parametrize(
    "text",
    ["物流很快，包装完好，非常满意！", "房间干净，服务热情，下次还来", "味道很好，推荐👍"],
)
def test_praise(shipped: Labeller, text: str) -> None:
    assert shipped.predict([text])[0].label == "positive"


@pytest.mark.parametrize(
    "text",
    ["太差了，用了两天就坏，再也不买了", "服务态度恶劣，非常失望", "不好吃，很难吃，退款！"],
)
def test_complaint(shipped: Labeller, text: str) -> None:
    assert shipped.predict([text])[0].label == "negative"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "😂",
        "👩‍👩‍👧‍👦🏽",
        "？？？",
        "\x00",
        "\ud800",
        "好" * 10_000,
        "a" * 10_000,
        "好 坏 " * 2_500,
        "𠮷野家",
        "🀄" * 10_000,
    ],
)
def test_any_text_gets_a_label(shipped: Labeller, text: str) -> None:
    prediction = shipped.predict([text])[0]
    assert 0 < prediction.probability < 1
    assert prediction.label == ("positive" if prediction.probability >= 0.5 else "negative")
    assert prediction.uncertain == (shipped.uncertain_low <= prediction.probability <= shipped.uncertain_high)


def test_no_texts(shipped: Labeller) -> None:
    assert shipped.predict([]) == []


def test_a_long_text_is_bounded(shipped: Labeller) -> None:
    assert shipped.prepare(["好 坏 " * 2_500])[0].tokens == 400


def test_predictions_do_not_depend_on_the_batch(shipped: Labeller, real_comments: Callable[[int], list[str]]) -> None:
    texts = real_comments(300)
    together = shipped.predict(texts)
    alone = [shipped.predict([text])[0] for text in texts[:50]]
    assert [one.probability for one in alone] == pytest.approx([one.probability for one in together[:50]], abs=1e-5)


class Counting:
    """Counts inputs and passes them to the classifier."""

    def __init__(self, classifier: Classifier[GruInput]) -> None:
        self.classifier = classifier
        self.texts = 0
        self.prepare = classifier.prepare

    def logits(self, inputs: Sequence[GruInput]) -> list[float]:
        self.texts += len(inputs)
        return self.classifier.logits(inputs)


def counting(labeller: Labeller, monkeypatch: pytest.MonkeyPatch) -> Counting:
    classifier = Counting(labeller._classifier)
    monkeypatch.setattr(labeller, "_classifier", classifier)
    return classifier


def test_equal_texts_in_a_batch_are_computed_once(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labeller = load_labeller(tiny_artifact, answer_cache_size=0)
    network = counting(labeller, monkeypatch)
    predictions = labeller.predict(["很好", "很差", "很好", "很 好", "很好"])
    assert network.texts == 2
    assert predictions[0] == predictions[2] == predictions[3] == predictions[4]
    assert [one.label for one in predictions[:2]] == ["positive", "negative"]


def test_frequent_texts_come_from_the_cache(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labeller = load_labeller(tiny_artifact, answer_cache_size=10)
    network = counting(labeller, monkeypatch)
    answers = [labeller.predict(["好评"])[0] for _ in range(4)]
    assert network.texts == 2  # admitted the second time
    assert len(set(answers)) == 1
    assert labeller.prepare(["好评"])[0].tokens == 0
    statistics = labeller.cache_statistics()
    assert (statistics.hits, statistics.misses, statistics.size) == (3, 2, 1)


def test_logits_of_network_and_n_grams_are_added(shipped: Labeller, real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    configuration = artifact.configuration
    prepared = shipped.prepare(real_comments(50))
    inputs = [one.input for one in prepared if isinstance(one.input, GruInput)]
    network = InferenceNetwork(artifact.weights).logits_of(*word_numbers([one.numbers for one in inputs]))
    ngrams = NgramTable(artifact.ngrams).logits([one.characters for one in inputs])
    assert numpy.abs(ngrams).mean() > 0.1
    expected = 1 / (1 + numpy.exp(-configuration.scale * (network + ngrams) - configuration.shift))
    assert [one.probability for one in shipped.label(prepared)] == pytest.approx(expected.tolist(), abs=1e-5)
