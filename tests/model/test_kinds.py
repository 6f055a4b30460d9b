"""Another kind of model needs only an implementation of ``Classifier`` and a line in the registry."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from model.artifact import SHIPPED, Artifact, Configuration, read_artifact, write_artifact
from model.classifier import Kind, Word
from model.commands import app
from model.errors import ArtifactError
from model.kinds import KINDS
from model.labeller import load_labeller
from tests.model.test_artifact import update_checksums

WEIGHTS = {"好": 2.0, "差": -3.0, "不": -1.0}


class Letters(tuple[str, ...]):
    """An input: those characters of a text that have a weight."""

    __slots__ = ()

    @property
    def tokens(self) -> int:
        return len(self)


class BagOfCharacters:
    """A classifier whose logit is the sum of the weights of a text's characters."""

    def __init__(self, artifact: Artifact) -> None:
        self._weights = dict(zip(artifact.words, artifact.weights["characters"].tolist(), strict=True))
        self._most = artifact.configuration.maximum_tokens

    def words(self, text: str) -> list[str]:
        return list(text)

    def prepare(self, texts: Sequence[str]) -> list[Letters]:
        return [Letters([letter for letter in text if letter in self._weights][: self._most]) for text in texts]

    def logits(self, inputs: Sequence[Letters]) -> list[float]:
        return [sum(self._weights[character] for character in one) for one in inputs]

    def explain(self, text: str) -> tuple[float, list[Word]]:
        words = [Word(one, place, place + 1, self._weights.get(one, 0.0)) for place, one in enumerate(text)]
        return sum(word.contribution for word in words), words


def check(artifact: Artifact) -> None:
    if artifact.weights["characters"].shape != (len(artifact.words),):
        raise ValueError("there is not one weight for each character")


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Register the kind, and return the folder of an artifact of it."""
    monkeypatch.setitem(KINDS, "bag of characters", Kind(check, lambda artifact, options: BagOfCharacters(artifact)))
    configuration = Configuration("bag", {}, 100, 0.5, 0.0, 0.4, 0.6, kind="bag of characters")
    weights = {"characters": numpy.array(list(WEIGHTS.values()), numpy.float32)}
    write_artifact(tmp_path / "bag", configuration, list(WEIGHTS), {}, {}, weights)
    return tmp_path / "bag"


def test_the_shipped_model_is_a_gru() -> None:
    shipped = read_artifact(SHIPPED)
    assert shipped.configuration.kind == "gru"
    assert shipped.sha256.startswith("18f36b89")


def test_labeller_of_another_kind(bag: Path) -> None:
    labeller = load_labeller(bag)
    first, second, third = labeller.predict(["好好", "不好", "天气差"])
    assert first.label == "positive"
    assert first.probability == pytest.approx(1 / (1 + 2.718281828**-2))
    assert (second.label, third.label) == ("positive", "negative")
    assert [one.tokens for one in labeller.prepare(["不好", "天气"])] == [2, 0]
    assert labeller.words("不好") == ["不", "好"]
    assert [(word.text, word.contribution) for word in labeller.explain("不好").words] == [("不", -0.5), ("好", 1.0)]


def test_predict_command_of_another_kind(bag: Path) -> None:
    arguments = ["predict", "-", "--model", str(bag)]
    result = CliRunner().invoke(app, arguments, input="好\n差\n".encode(), catch_exceptions=False)
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["label", "positive", "negative"]


def test_the_kind_checks_its_artifact(bag: Path) -> None:
    (bag / "vocabulary.txt").write_text("好\n", encoding="utf-8")
    update_checksums(bag)
    with pytest.raises(ArtifactError, match=r"cannot be used: there is not one weight for each character\."):
        load_labeller(bag)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "transformer"}, r"unknown kind 'transformer' \(known: gru\)"),
        ({"kind": None}, "unknown kind None"),
        ({"sizes": [8, 8]}, "sizes in configuration.json is not an object"),
        ({"sizes": {"embedding": 8, "hidden": "8"}}, "hidden in configuration.json is not a number"),
        ({"sizes": {"embedding": 8}}, "hidden"),
        ({"sizes": {"embedding": 8, "hidden": 8, "layers": 2}}, "layers"),
    ],
)
def test_invalid_configurations(tiny_artifact: Path, tmp_path: Path, change: dict[str, object], reason: str) -> None:
    copy = Path(shutil.copytree(tiny_artifact, tmp_path / "copy"))
    configuration = json.loads((copy / "configuration.json").read_text())
    (copy / "configuration.json").write_text(json.dumps(configuration | change))
    update_checksums(copy)
    with pytest.raises(ArtifactError, match=reason) as caught:
        load_labeller(copy)
    assert "\n" not in str(caught.value)
