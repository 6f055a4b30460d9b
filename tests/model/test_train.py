"""A training of seconds makes a model that labels, the same one each time."""

import csv
import json
from pathlib import Path

import pytest

from liuyan.errors import LiuyanError
from liuyan.model.artifact import read_artifact
from liuyan.model.card import card
from liuyan.model.data import Comment
from liuyan.model.labeller import load_labeller
from liuyan.model.train import Epoch, Options, train


def test_it_learns(tiny_artifact: Path, few_comments: dict[str, Comment]) -> None:
    labeller = load_labeller(tiny_artifact)
    comments = list(few_comments.values())
    predictions = labeller.predict([one.text for one in comments])
    right = sum((one.label == "positive") == truth.positive for one, truth in zip(predictions, comments, strict=True))
    assert right / len(comments) > 0.95


def test_metrics_curve_and_card(tiny_artifact: Path) -> None:
    metrics = json.loads((tiny_artifact / "metrics.json").read_text())
    with (tiny_artifact / "curve.csv").open(encoding="utf-8") as stream:
        curve = list(csv.DictReader(stream))
    text = card(read_artifact(tiny_artifact))
    assert metrics["test"]["pooled"]["accuracy"] > 0.9
    assert 1 <= len(curve) <= 4
    assert float(curve[-1]["train_loss"]) < float(curve[0]["train_loss"]) or len(curve) == 1
    assert f"{metrics['test']['pooled']['accuracy']:.3f}" in text
    assert "| made_up |" in text


def test_the_same_seed_gives_the_same_model(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = Options(epochs=1, words=200, embedding=4, hidden=4, batch=32)
    curves: list[list[tuple[float, float]]] = []
    for name in ("a", "b"):
        epochs: list[Epoch] = []
        train(few_comments, options, tmp_path / name, lambda what, done, total: None, epochs.append)
        curves.append([(epoch.train_loss, epoch.validation_accuracy) for epoch in epochs])
    assert curves[0] == curves[1]
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]


def test_it_stops_when_validation_gets_no_better(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    options = Options(epochs=30, patience=2, words=200, embedding=4, hidden=4, rate=0.0)
    train(few_comments, options, tmp_path, lambda what, done, total: None, epochs.append)
    assert len(epochs) == 3


def test_a_file_where_the_folder_should_be(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LiuyanError, match="cannot be made"):
        train(few_comments, Options(), tmp_path / "file", lambda what, done, total: None, lambda epoch: None)


def test_too_few_comments(tmp_path: Path) -> None:
    comments = {"0" * 16: Comment("好", True, "a", 1.0)}
    with pytest.raises(LiuyanError, match="too few"):
        train(comments, Options(), tmp_path, lambda what, done, total: None, lambda epoch: None)
