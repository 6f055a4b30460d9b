"""Distillation changes the targets of the train part only."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.artifact import read_artifact
from model.labeller import load_labeller
from model.training.data import UNLABELLED, Comment, digest, part_of
from research.distil import label_unlabelled, teach
from research.train.__main__ import app
from tests.model.reports import silent


def test_only_targets_of_the_train_part_change(few_comments: dict[str, Comment], tiny_artifact: Path) -> None:
    teacher = load_labeller(tiny_artifact)
    taught = teach(few_comments, [teacher, teacher], 0.5, silent)
    for key, comment in few_comments.items():
        answer = teacher.predict([comment.text])[0].probability
        expected = 0.5 * comment.target + 0.5 * answer if part_of(key) == "train" else comment.target
        assert taught[key].target == pytest.approx(expected, abs=1e-5)
        assert taught[key].positive == comment.positive


def test_unlabelled_comments_that_are_not_known(tiny_artifact: Path) -> None:
    teacher = load_labeller(tiny_artifact)
    texts = [f"第{number}间酒店很差" for number in range(50)] + ["认识的很好", "第3间酒店，很差！"]
    labelled = label_unlabelled(texts, [digest("认识的很好")], [teacher], silent)
    assert 25 < len(labelled) <= 50
    assert {part_of(key) for key in labelled} == {"train"}
    assert {one.source for one in labelled.values()} == {UNLABELLED}
    assert not any(one.positive for one in labelled.values())
    assert "认识的很好" not in {one.text for one in labelled.values()}


def test_train_a_student(tiny_artifact: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"1,第{number}次来，很好\n0,第{number}次来，很差\n" for number in range(60))
    (data / "shop.csv").write_text(f"label,text\n{rows}", encoding="utf-8")
    (data / "shop_unlabelled.txt").write_text(
        "".join(f"第{number}个很好\n\n" for number in range(40)), encoding="utf-8"
    )
    output = tmp_path / "student"
    arguments = [
        "--output",
        output,
        "--data-dir",
        data,
        "--teacher",
        tiny_artifact,
        "--no-snownlp",
        "--set",
        "epochs=1",
    ]
    sizes = ["--set", "words=300", "--set", "embedding=4", "--set", "hidden=4"]
    result = CliRunner().invoke(app, [*map(str, arguments), *sizes], catch_exceptions=False)
    assert result.exit_code == 0
    metrics = read_artifact(output).metrics
    assert metrics["options"]["teachers"] == [load_labeller(tiny_artifact).sha256]
    assert metrics["rows"]["train"]["unlabelled"] > 20
    assert "The model is distilled: 70% of" in (output / "README.md").read_text(encoding="utf-8")
