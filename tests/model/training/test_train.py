"""A training of seconds makes a model that labels, the same one each time."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from liuyan.errors import LiuyanError
from model.artifact import read_artifact
from model.labeller import load_labeller
from model.progress import Report
from model.training import trainer
from model.training.card import card
from model.training.data import Comment
from model.training.options import Options
from model.training.train import CHECKPOINT, train
from model.training.trainer import Epoch
from tests.model.reports import silent

pytestmark = pytest.mark.trains


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
    text = card(read_artifact(tiny_artifact), {})
    assert metrics["test"]["pooled"]["accuracy"] > 0.9
    assert 1 <= len(curve) <= 4
    assert float(curve[-1]["train_loss"]) < float(curve[0]["train_loss"]) or len(curve) == 1
    assert f"{metrics['test']['pooled']['accuracy']:.3f}" in text
    assert "| made_up |" in text
    assert re.search(r"beside it \d+ pairs and triples of characters", text)


def test_the_same_seed_gives_the_same_model(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = Options(epochs=1, words=200, embedding=4, hidden=4, batch=32)
    curves: list[list[tuple[float, float]]] = []
    for name in ("a", "b"):
        epochs: list[Epoch] = []
        train(few_comments, options, tmp_path / name, silent, epochs.append)
        curves.append([(epoch.train_loss, epoch.validation_accuracy) for epoch in epochs])
    assert curves[0] == curves[1]
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]


def test_it_stops_when_validation_gets_no_better(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    options = Options(epochs=30, patience=2, words=200, embedding=4, hidden=4, rate=0.0)
    train(few_comments, options, tmp_path, silent, epochs.append)
    assert len(epochs) == 3


def test_a_file_where_the_folder_should_be(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LiuyanError, match="cannot be made"):
        train(few_comments, Options(), tmp_path / "file", silent, lambda epoch: None)


def test_too_few_comments(tmp_path: Path) -> None:
    comments = {"0" * 16: Comment("好", True, "a", 1.0)}
    with pytest.raises(LiuyanError, match="too few"):
        train(comments, Options(), tmp_path, silent, lambda epoch: None)


class KilledError(Exception):
    """Stands for a kill in the middle of a training."""


def kill_at(epoch: str, batch: int) -> Report:
    """A report of progress that ends the training there."""

    def report(what: str, done: int, total: int) -> None:
        if what.startswith(epoch) and done == batch:
            raise KilledError

    return report


def test_a_killed_training_goes_on_as_if_nothing_had_happened(
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


def test_going_on_in_another_way(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = Options(epochs=2, words=200, embedding=4, hidden=4, batch=32)
    with pytest.raises(KilledError):
        train(few_comments, options, tmp_path, kill_at("epoch 2", 1), lambda epoch: None)
    with pytest.raises(LiuyanError, match="was begun with another rate: call it as before"):
        train(few_comments, replace(options, rate=0.5), tmp_path, silent, lambda epoch: None, resume=True)


def test_no_pass_at_all(tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path) -> None:
    start = read_artifact(tiny_artifact)
    options = Options(epochs=0, words=len(start.words), embedding=8, hidden=8, ngrams=50)
    train(few_comments, options, tmp_path, silent, lambda epoch: None, start=start)
    beside = read_artifact(tmp_path)
    assert all(torch.equal(beside.weights[name], start.weights[name]) for name in start.weights)
    assert len(beside.ngrams) == 50
    told = beside.metrics["options"]
    assert told == start.metrics["options"] | {"ngrams": 50, "network": start.sha256}
    assert beside.metrics["curve"] == start.metrics["curve"]
    assert f"- network {start.sha256}" in (tmp_path / "README.md").read_text()
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 1 + len(start.metrics["curve"])
    with pytest.raises(LiuyanError, match="give --epochs 1 or more, or --start"):
        train(few_comments, options, tmp_path, silent, lambda epoch: None)


def test_what_it_began_with_is_told(tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path) -> None:
    begun = read_artifact(tiny_artifact)
    rows = {**begun.metrics["rows"], "train": {"unlabelled": 77, **begun.metrics["rows"]["train"]}}
    told = {**begun.metrics["options"], "teachers": ["linear 123456789abc"], "teachers_share": 0.5}
    start = replace(begun, metrics={**begun.metrics, "rows": rows, "options": told})
    options = Options(epochs=1, words=len(start.words), embedding=8, hidden=8, ngrams=50)
    train(few_comments, options, tmp_path, silent, lambda epoch: None, start=start)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"It began with the artifact `{begun.sha256[:12]}`" in text
    assert "| unlabelled | 77 | 0 | 0 |" in text
    assert text.count("| made_up |") == 2
    assert "Distilled: 50% of a comment's target is what teachers said (`linear 123456789abc`)" in text
    assert "Made by `liuyan model train`" in text


def same_answers(tiny_artifact: Path, comments: dict[str, Comment], folder: Path, hidden: int) -> None:
    start = read_artifact(tiny_artifact)
    options = Options(epochs=1, words=len(start.words), embedding=8, hidden=hidden, rate=0.0, averaging=0.0)
    train(comments, options, folder, silent, lambda epoch: None, start=start)
    text = ["早餐和房间，很好"]
    same = [load_labeller(path).predict(text)[0].probability for path in (tiny_artifact, folder)]
    assert same[0] == pytest.approx(same[1], abs=1e-3)
    assert read_artifact(folder).words == start.words


def test_beginning_with_an_artifact(tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path) -> None:
    same_answers(tiny_artifact, few_comments, tmp_path, hidden=8)


def test_beginning_with_a_narrower_artifact(
    tiny_artifact: Path, few_comments: dict[str, Comment], tmp_path: Path
) -> None:
    same_answers(tiny_artifact, few_comments, tmp_path, hidden=13)
    assert read_artifact(tmp_path).configuration.sizes == {"embedding": 8, "hidden": 13}
