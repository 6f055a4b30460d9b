"""Training: accuracy, repeatability, checkpoints and initial models."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from liuyan.errors import LiuyanError
from liuyan.progress import Report
from model.artifact import read_artifact
from model.labeller import load_labeller
from model.ngrams import NgramTable
from model.training import trainer
from model.training.card import card
from model.training.data import NEUTRAL, Comment, digest, part_of
from model.training.examples import prepare
from model.training.ngram_training import fit_ngrams
from model.training.options import Options
from model.training.train import CHECKPOINT, train
from model.training.trainer import Epoch
from tests.model.fixtures import THINGS
from tests.model.reports import silent

pytestmark = pytest.mark.trains


def test_a_trained_model_labels_its_comments(tiny_artifact: Path, few_comments: dict[str, Comment]) -> None:
    labeller = load_labeller(tiny_artifact)
    comments = list(few_comments.values())
    predictions = labeller.predict([one.text for one in comments])
    correct = sum((one.label == "positive") == truth.positive for one, truth in zip(predictions, comments, strict=True))
    assert correct / len(comments) > 0.95


def test_metrics_curve_and_card(tiny_artifact: Path) -> None:
    metrics = json.loads((tiny_artifact / "metrics.json").read_text())
    with (tiny_artifact / "curve.csv").open(encoding="utf-8") as stream:
        curve = list(csv.DictReader(stream))
    text = card(read_artifact(tiny_artifact), {})
    assert metrics["test"]["pooled"]["accuracy"] > 0.9
    assert 1 <= len(curve) <= 4
    assert float(curve[-1]["train_loss"]) < float(curve[0]["train_loss"]) or len(curve) == 1
    assert f"{metrics['test']['pooled']['accuracy']:.3f}" in text
    assert "| made_up |" in text
    assert re.search(r"to which \d+ weighted pairs and triples of characters", text)


def test_the_same_seed_produces_the_same_model(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = Options(epochs=1, words=200, embedding=4, hidden=4, batch=32)
    curves: list[list[tuple[float, float]]] = []
    for name in ("a", "b"):
        epochs: list[Epoch] = []
        train(few_comments, options, tmp_path / name, silent, epochs.append)
        curves.append([(epoch.train_loss, epoch.validation_accuracy) for epoch in epochs])
    assert curves[0] == curves[1]
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]


def test_training_stops_without_improvement(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    options = Options(epochs=30, patience=2, words=200, embedding=4, hidden=4, rate=0.0)
    train(few_comments, options, tmp_path, silent, epochs.append)
    assert len(epochs) == 3


def test_a_training_of_ten_steps(tmp_path: Path) -> None:
    texts = [(f"第{number}次，很{word}", word == "好") for number in range(60) for word in "好差"]
    comments = {digest(text): Comment(text, good, "made_up", float(good)) for text, good in texts}
    options = Options(epochs=10, patience=10, words=100, embedding=4, hidden=4, batch=1_000, ngrams=0)
    epochs: list[Epoch] = []
    train(comments, options, tmp_path, silent, epochs.append)
    assert len(epochs) == 10


def test_a_file_instead_of_the_output_folder(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LiuyanError, match="cannot be created"):
        train(few_comments, Options(), tmp_path / "file", silent, lambda epoch: None)


def test_too_few_comments(tmp_path: Path) -> None:
    comments = {"0" * 16: Comment("好", True, "a", 1.0)}
    with pytest.raises(LiuyanError, match="too few"):
        train(comments, Options(), tmp_path, silent, lambda epoch: None)


class KilledError(Exception):
    """Raised in place of a kill during training."""


def kill_at(epoch: str, batch: int) -> Report:
    """Return a progress report that ends the training at this batch."""

    def report(what: str, done: int, total: int) -> None:
        if what.startswith(epoch) and done == batch:
            raise KilledError

    return report


def test_a_resumed_training_has_the_same_result(
    few_comments: dict[str, Comment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_SECONDS", 0.0)
    options = Options(epochs=3, words=200, embedding=4, hidden=4, batch=32)
    train(few_comments, options, tmp_path / "whole", silent, lambda epoch: None)
    for place in (("epoch 1", 3), ("epoch 2", 5), ("epoch 3", 1)):
        with pytest.raises(KilledError):
            train(few_comments, options, tmp_path / "killed", kill_at(*place), lambda epoch: None, resume=True)
    train(few_comments, options, tmp_path / "killed", silent, lambda epoch: None, resume=True)
    whole, killed = (tmp_path / name / "weights.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
    curves = [read_artifact(tmp_path / name).metrics["curve"] for name in ("whole", "killed")]
    assert [one["train_loss"] for one in curves[0]] == [one["train_loss"] for one in curves[1]]
    assert not (tmp_path / "killed" / CHECKPOINT).exists()


def test_resume_with_other_options(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = Options(epochs=2, words=200, embedding=4, hidden=4, batch=32)
    with pytest.raises(KilledError):
        train(few_comments, options, tmp_path, kill_at("epoch 2", 1), lambda epoch: None)
    with pytest.raises(LiuyanError, match=r"was written with different options \(rate\)"):
        train(few_comments, replace(options, rate=0.5), tmp_path, silent, lambda epoch: None, resume=True)


def test_zero_epochs(tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path) -> None:
    start = read_artifact(tiny_artifact)
    options = Options(epochs=0, words=len(start.words), embedding=8, hidden=8, ngrams=50)
    train(few_comments, options, tmp_path, silent, lambda epoch: None, start=start)
    trained = read_artifact(tmp_path)
    assert all(numpy.array_equal(trained.weights[name], start.weights[name]) for name in start.weights)
    assert len(trained.ngrams) == 50
    assert trained.metrics["options"] == start.metrics["options"] | {"ngrams": 50, "network": start.sha256}
    assert trained.metrics["curve"] == start.metrics["curve"]
    assert f"- network {start.sha256}" in (tmp_path / "README.md").read_text()
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 1 + len(start.metrics["curve"])
    with pytest.raises(LiuyanError, match="needs --epochs 1 or more, or --start"):
        train(few_comments, options, tmp_path, silent, lambda epoch: None)


def test_the_model_card_describes_the_initial_model(
    tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path
) -> None:
    initial = read_artifact(tiny_artifact)
    rows = {**initial.metrics["rows"], "train": {"unlabelled": 77, **initial.metrics["rows"]["train"]}}
    earlier = {**initial.metrics["options"], "teachers": ["linear 123456789abc"], "teachers_share": 0.5}
    start = replace(initial, metrics={**initial.metrics, "rows": rows, "options": earlier})
    options = Options(epochs=1, words=len(start.words), embedding=8, hidden=8, ngrams=50)
    train(few_comments, options, tmp_path, silent, lambda epoch: None, start=start)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"Training started from the artifact `{initial.sha256[:12]}`" in text
    assert "| unlabelled | 77 | 0 | 0 |" in text
    assert text.count("| made_up |") == 2
    assert "50% of a comment's target is the probability from teachers (`linear 123456789abc`)" in text
    assert "Trained by `liuyan model train`" in text


def check_same_predictions(tiny_artifact: Path, comments: dict[str, Comment], folder: Path, hidden: int) -> None:
    start = read_artifact(tiny_artifact)
    options = Options(epochs=1, words=len(start.words), embedding=8, hidden=hidden, rate=0.0, averaging=0.0)
    train(comments, options, folder, silent, lambda epoch: None, start=start)
    text = ["早餐和房间，很好"]
    same = [load_labeller(path).predict(text)[0].probability for path in (tiny_artifact, folder)]
    assert same[0] == pytest.approx(same[1], abs=1e-3)
    assert read_artifact(folder).words == start.words


def test_start_from_an_artifact(tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path) -> None:
    check_same_predictions(tiny_artifact, few_comments, tmp_path, hidden=8)


def test_start_from_a_narrower_artifact(tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path) -> None:
    check_same_predictions(tiny_artifact, few_comments, tmp_path, hidden=13)
    assert read_artifact(tmp_path).configuration.sizes == {"embedding": 8, "hidden": 13}


def test_texts_without_sentiment_count_towards_the_band_only(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = Options(epochs=2, words=300, embedding=8, hidden=8, dropout=0.0, rate=3e-2, averaging=0.5, batch=16)
    texts = [f"第{number}号{thing}在哪里" for number in range(60) for thing in ("酒店", "手机")]
    neutral = {digest(text): Comment(text, True, NEUTRAL, 0.5, weight=2.0) for text in texts}
    before = train(few_comments, options, tmp_path / "before", silent, lambda epoch: None)
    metrics = train(few_comments | neutral, options, tmp_path / "after", silent, lambda epoch: None)
    for part in ("validation", "test"):
        assert metrics[part]["pooled"]["n"] == before[part]["pooled"]["n"]
        assert NEUTRAL not in metrics[part]["sources"]
        assert metrics[part]["neutral"]["n"] == sum(part_of(key) == part for key in neutral)
        assert "neutral" not in before[part]
    assert metrics["rows"]["train"][NEUTRAL] == sum(part_of(key) == "train" for key in neutral)

    def distance(name: str) -> float:
        return sum(abs(one.probability - 0.5) for one in load_labeller(tmp_path / name).predict(texts))

    assert distance("after") < 0.8 * distance("before")
    assert "people judged neither positive nor negative" in card(read_artifact(tmp_path / "after"), {})


def test_the_network_outweighs_ngrams_on_texts_without_sentiment(few_comments: dict[str, Comment]) -> None:
    texts = {digest(text): Comment(text, True, NEUTRAL, 0.5) for text in (f"{one}很好吗" for one in THINGS)}
    parts, _ = prepare(few_comments | texts, Options(words=50), {}, part_of, None, silent)
    train_part = parts["train"]
    ngrams = fit_ngrams(train_part.characters, train_part.positive, numpy.ones(len(train_part.texts)), 50, 1, silent)
    offset = train_part.with_ngram_logits(ngrams)
    neutral = numpy.array([source == NEUTRAL for source in train_part.sources])
    assert neutral.any()
    assert numpy.allclose(offset.ngram_logits[neutral], NgramTable(ngrams).logits(train_part.neutral.characters))
    assert not offset.ngram_logits[~neutral].any()
    assert train_part.labelled.sources == ["made_up"] * int((~neutral).sum())
