"""Artifacts: round trips, and one-sentence errors for missing or damaged files."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from model.artifact import (
    FILES,
    SHIPPED,
    SUMS,
    Configuration,
    find_local_artifact,
    read_artifact,
    write_artifact,
)
from model.errors import ArtifactError
from model.labeller import load_labeller
from model.network import Network, Shape
from model.ngrams import NONE, Ngrams
from model.quantized import NGRAM_KEYS, NGRAM_WEIGHTS, SCALE, WORDS


@pytest.fixture
def copy(tiny_artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_artifact, tmp_path / "copy"))


def write(folder: Path, words: list[str]) -> str:
    torch.manual_seed(1)
    configuration = Configuration("test", {"embedding": 4, "hidden": 3}, 50, 1.5, -0.25, 0.4, 0.6)
    weights = Network(Shape(5, 4, 3)).stored_weights()
    return write_artifact(folder, configuration, words, {"壞": "坏"}, {"note": "测"}, weights)


def test_round_trip(tmp_path: Path) -> None:
    words = ["<unknown>", "<number>", "好", "😂", "\u2028"]
    sha256 = write(tmp_path / "a", words)
    artifact = read_artifact(tmp_path / "a")
    assert artifact.sha256 == sha256 == write(tmp_path / "b", words)
    assert list(artifact.words) == words
    assert artifact.simplified == {"壞": "坏"}
    assert artifact.metrics == {"note": "测"}
    assert artifact.configuration == Configuration("test", {"embedding": 4, "hidden": 3}, 50, 1.5, -0.25, 0.4, 0.6)
    assert {tensor.dtype for tensor in artifact.weights.values()} == {numpy.dtype(numpy.float32)}


def test_n_grams_round_trip(tmp_path: Path) -> None:
    shipped = read_artifact(SHIPPED)
    ngrams = Ngrams(numpy.array([-5, 3, 2**31 - 1], numpy.int32), numpy.array([0.5, -1.25, 3.0], numpy.float32))
    parts = (shipped.configuration, shipped.words, shipped.simplified, shipped.metrics, shipped.weights)
    without, with_ngrams = (write_artifact(tmp_path / name, *parts, one) for name, one in (("a", NONE), ("b", ngrams)))
    assert without != with_ngrams
    assert len(read_artifact(tmp_path / "a").ngrams) == 0
    stored = read_artifact(tmp_path / "b").ngrams
    assert stored.keys.tolist() == ngrams.keys.tolist()
    assert stored.weights.tolist() == ngrams.weights.tolist()


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({NGRAM_KEYS: numpy.zeros(3, numpy.int32)}, "a key and a weight for each"),
        ({NGRAM_WEIGHTS: numpy.zeros(3, numpy.float32)}, "a key and a weight for each"),
        (
            {NGRAM_KEYS: numpy.arange(3, dtype=numpy.int32), NGRAM_WEIGHTS: numpy.zeros(2, numpy.float32)},
            "a key and a weight for each",
        ),
        ({NGRAM_KEYS: numpy.arange(3), NGRAM_WEIGHTS: numpy.zeros(3, numpy.float32)}, "a key and a weight for each"),
        ({NGRAM_KEYS: numpy.zeros(3, numpy.int32), NGRAM_WEIGHTS: numpy.zeros(3, numpy.float32)}, "not ascending"),
    ],
)
def test_invalid_n_grams(copy: Path, tensors: dict[str, NDArray[Any]], reason: str) -> None:
    content = load((copy / "weights.safetensors").read_bytes())
    kept = {name: tensor for name, tensor in content.items() if name not in (NGRAM_KEYS, NGRAM_WEIGHTS)}
    (copy / "weights.safetensors").write_bytes(save(kept | tensors))
    update_checksums(copy)
    with pytest.raises(ArtifactError, match=reason):
        load_labeller(copy)


@pytest.mark.parametrize("scale", [numpy.ones(3), numpy.ones((302, 1)), numpy.array(1.0)])
def test_invalid_scales(copy: Path, scale: NDArray[Any]) -> None:
    content = load((copy / "weights.safetensors").read_bytes())
    (copy / "weights.safetensors").write_bytes(save(content | {SCALE: scale}))
    update_checksums(copy)
    with pytest.raises(ArtifactError, match="a scale for each word"):
        load_labeller(copy)


@pytest.mark.parametrize("version", [1, 2])
def test_read_older_formats(copy: Path, version: int) -> None:
    """Format 1 stores word vectors in float16; formats 1 and 2 have no kind."""
    now = read_artifact(copy)
    content = load((copy / "weights.safetensors").read_bytes())
    kept = {name: tensor for name, tensor in content.items() if name != SCALE}
    before = kept | {WORDS: now.weights[WORDS].astype(numpy.float16)}
    (copy / "weights.safetensors").write_bytes(save(before))
    configuration = json.loads((copy / "configuration.json").read_text())
    assert (configuration["format"], configuration.pop("kind")) == (3, "gru")
    flat = configuration | configuration.pop("sizes") | {"format": version}
    (copy / "configuration.json").write_text(json.dumps(flat))
    update_checksums(copy)
    again = read_artifact(copy)
    assert again.configuration.kind == "gru"
    assert again.configuration.sizes == now.configuration.sizes
    assert numpy.array_equal(again.weights[WORDS], before[WORDS])
    assert load_labeller(copy).predict(["很好"])[0].label == "positive"


def test_identity_depends_on_the_words(tmp_path: Path) -> None:
    words = ["<unknown>", "<number>", "好", "坏"]
    assert write(tmp_path / "a", [*words, "很"]) != write(tmp_path / "b", [*words, "太"])


def test_the_shipped_model_is_small_and_has_no_pickle() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert {*FILES, SUMS, "README.md"} <= {path.name for path in files}
    assert sum(path.stat().st_size for path in files) <= 12_000_000
    assert {path.suffix for path in files} <= {".json", ".txt", ".safetensors", ".md", ".csv", ""}


def test_the_model_card_names_the_shipped_model() -> None:
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert read_artifact(SHIPPED).sha256 in card


def test_a_local_artifact_is_found_by_sha256(copy: Path) -> None:
    (copy.parent / "a file").write_text("")
    assert find_local_artifact(read_artifact(copy).sha256, copy.parent) == copy
    assert find_local_artifact(read_artifact(SHIPPED).sha256, copy.parent) == SHIPPED
    assert find_local_artifact(read_artifact(SHIPPED).sha256, None) == SHIPPED


@pytest.mark.parametrize("folder", [None, Path("nowhere")])
def test_an_unknown_artifact_is_not_found(folder: Path | None) -> None:
    assert find_local_artifact("0" * 64, folder) is None


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no model folder"):
        load_labeller(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=f"incomplete: {name}"):
        load_labeller(copy)


@pytest.mark.parametrize("name", FILES)
def test_flipped_byte(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"damaged: {name}"):
        load_labeller(copy)


def test_empty_checksums(copy: Path) -> None:
    (copy / SUMS).write_bytes(b"")
    with pytest.raises(ArtifactError, match="damaged"):
        load_labeller(copy)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("configuration.json", "[]"),
        ("configuration.json", "{"),
        ("configuration.json", '{"format": 0}'),
        ("configuration.json", '{"format": 1}'),
        ("simplified.txt", "坏\n"),
        ("vocabulary.txt", "好\n"),
        ("weights.safetensors", "nothing"),
    ],
)
def test_invalid_content_with_valid_checksums(copy: Path, name: str, content: str) -> None:
    (copy / name).write_text(content, encoding="utf-8")
    update_checksums(copy)
    with pytest.raises(ArtifactError, match="cannot be used") as caught:
        load_labeller(copy)
    assert "\n" not in str(caught.value)


def test_text_instead_of_a_number(copy: Path) -> None:
    configuration = json.loads((copy / "configuration.json").read_text())
    (copy / "configuration.json").write_text(json.dumps(configuration | {"scale": "1"}))
    update_checksums(copy)
    with pytest.raises(ArtifactError, match=r"scale in configuration\.json is not a number"):
        load_labeller(copy)


@pytest.mark.parametrize("name", ["output.bias", SCALE, NGRAM_WEIGHTS])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite(copy: Path, name: str, value: float) -> None:
    content = load((copy / "weights.safetensors").read_bytes())
    tensors: dict[str, NDArray[Any]] = dict(content)
    tensors[NGRAM_KEYS], tensors[NGRAM_WEIGHTS] = numpy.arange(2, dtype=numpy.int32), numpy.ones(2, numpy.float16)
    tensors[SCALE] = numpy.ones(len(content[WORDS]), numpy.float16)
    tensors[name] = tensors[name].copy()
    tensors[name][0] = value
    (copy / "weights.safetensors").write_bytes(save(tensors))
    update_checksums(copy)
    with pytest.raises(ArtifactError, match=r"in weights\.safetensors contains numbers that are not finite"):
        load_labeller(copy)


def test_a_configuration_that_is_not_finite(copy: Path) -> None:
    configuration = json.loads((copy / "configuration.json").read_text())
    (copy / "configuration.json").write_text(json.dumps(configuration | {"shift": math.nan}))
    update_checksums(copy)
    with pytest.raises(ArtifactError, match=r"shift in configuration\.json is not a number"):
        load_labeller(copy)


def update_checksums(folder: Path) -> None:
    import hashlib

    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES]
    (folder / SUMS).write_text("".join(lines))
