"""`liuyan model`, as a person types it."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.errors import LiuyanError
from liuyan.model.commands import app
from liuyan.model.files import read_rows

Run = Callable[..., str]


@pytest.fixture
def run(tiny_artifact: Path) -> Run:
    def call(*arguments: str, model: bool = True, input: bytes | None = None) -> str:
        chosen = ["--model", str(tiny_artifact)] if model else []
        result = CliRunner().invoke(app, [*arguments, *chosen], catch_exceptions=False, input=input)
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def rows(output: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output)))


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "comments.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_evaluate(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, 'id,label,text\n1,1,"酒店，很好"\n2,negative,手机很差\n3,positive,满意\n4,0,好评\n')
    lines = run("evaluate", file).splitlines()
    assert lines[-1] == "accuracy 0.7500 macro_f1 0.7333 n 4"
    assert "recall of positive 1.0000" in lines
    assert "recall of negative 0.5000" in lines


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("label,comment\n1,好\n", "no column text"),
        ("a,b\n1,好\n", "no column label and no column text"),
        ("", "no column"),
        ("label,text\n2,好\n", "line 2: the label '2'"),
        ("label,text\n1\n,好\n", "line 3: the label ''"),
        ("label,text\n", "no rows"),
        (b"label,text\n1,\xff\xfe\n", "not UTF-8"),
    ],
)
def test_evaluate_says_what_is_wrong(tmp_path: Path, tiny_artifact: Path, content: str | bytes, sentence: str) -> None:
    arguments = ["evaluate", write(tmp_path, content), "--model", str(tiny_artifact)]
    with pytest.raises(LiuyanError, match=sentence) as caught:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert caught.value.exit_status == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LiuyanError, match="cannot be read"):
        CliRunner().invoke(app, ["predict", str(tmp_path / "none.csv")], catch_exceptions=False)


def test_a_file_without_texts_gives_no_output(tmp_path: Path, tiny_artifact: Path) -> None:
    program = Path(sys.executable).with_name("liuyan")
    command = [str(program), "model", "predict", write(tmp_path, "a,b\n1,2\n"), "--model", str(tiny_artifact)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("liuyan: ")
    assert done.stderr.count("\n") == 1


def test_predict_gives_a_row_for_every_row(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, '\ufeffid,text\r\n1,"很好，\n推荐"\r\n2,\r\n3\r\n4,"说""很差"""\r\n5,a\x00b\r\n6,很差')
    labels = rows(run("predict", file))
    assert len(labels) == 6
    assert [labels[place]["label"] for place in (0, 3, 5)] == ["positive", "negative", "negative"]
    assert all(0 <= float(row["probability"]) <= 1 for row in labels)


def test_predict_keeps_the_order_over_many_chunks(run: Run, tmp_path: Path) -> None:
    words = ["很好", "很差"] * 1_000
    labels = rows(run("predict", write(tmp_path, "text\n" + "\n".join(words) + "\n")))
    assert [row["label"] for row in labels] == ["positive", "negative"] * 1_000


def test_predict_lines(run: Run) -> None:
    labels = rows(run("predict", "-", input="很好\r\n\n很差\u2028很差\n讨厌".encode()))
    assert [labels[place]["label"] for place in (0, 2, 3)] == ["positive", "negative", "negative"]
    assert len(labels) == 4


def test_predict_nothing(run: Run) -> None:
    assert run("predict", "-", input=b"") == "label,probability\n"


def test_predict_lines_that_are_not_utf_8(tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match="Standard input is not UTF-8"):
        CliRunner().invoke(
            app, ["predict", "-", "--model", str(tiny_artifact)], input=b"\xff\xfe", catch_exceptions=False
        )


def test_a_reader_that_has_seen_enough(tmp_path: Path, tiny_artifact: Path) -> None:
    file = write(tmp_path, "text\n" + "很好\n" * 50_000)
    program = Path(sys.executable).with_name("liuyan")
    command = f"{program} model predict {file} --model {tiny_artifact} | head -n 2"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, env=os.environ)  # noqa: S602
    assert done.stdout.splitlines()[0] == "label,probability"
    assert done.stderr == ""


def test_train_and_use_what_it_made(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "data"
    (data / "rated").mkdir(parents=True)
    praise = "".join(f"1,第{number}次来，很好\n0,第{number}次来，很差\n" for number in range(100))
    (data / "shop.csv").write_text(f"label,text\n{praise}", encoding="utf-8")
    (data / "rated" / "stars.csv").write_text(f"split,label,text\n{rated()}", encoding="utf-8")
    held_out = tmp_path / "held_out.txt"
    held_out.write_text("")
    output = tmp_path / "model"
    sizes = ["--words", "300", "--embedding", "4", "--hidden", "4", "--epochs", "1", "--threads", "1"]
    folders = ["--output", str(output), "--data-dir", str(data), "--heldout", str(held_out)]
    printed = run("train", *folders, *sizes, "--rated", "--no-snownlp", model=False)
    assert printed.startswith("epoch 1 train_loss")
    assert "| stars |" in (output / "README.md").read_text()
    labelled = CliRunner().invoke(app, ["predict", "-", "--model", str(output)], input="很好\n".encode())
    assert len(rows(labelled.stdout)) == 1


def rated() -> str:
    return "".join(f"a_4,1,房{number}不错\na_1,0,房{number}糟糕\n" for number in range(40))


def test_explain_for_people() -> None:
    result = CliRunner().invoke(
        app, ["predict", "-", "--explain"], input="不好吃\x1b[2J\n".encode(), catch_exceptions=False
    )
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("negative 0.")
    assert "不好吃" in first
    assert second.startswith("不 -")
    assert "\x1b[2J" not in result.stdout


def test_explain_for_machines(run: Run, tmp_path: Path) -> None:
    lines = run("predict", write(tmp_path, "text\n手机很好\n手机很差\n"), "--explain", "--json").splitlines()
    first, second = map(json.loads, lines)
    assert (first["label"], second["label"]) == ("positive", "negative")
    assert "".join(word["text"] for word in first["words"]) == first["text"] == "手机很好"
    top = max(first["words"], key=lambda word: abs(word["contribution"]))
    assert top["text"] in "很好"
    assert top["contribution"] > 0


def test_json_without_explain(tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match="give --explain too"):
        CliRunner().invoke(app, ["predict", "-", "--json"], catch_exceptions=False)


def test_reading_a_file_leaves_the_limit_of_others_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    file = tmp_path / "comments.csv"
    file.write_text("text\n" + "长" * (before + 1) + "\n", encoding="utf-8")
    assert [len(row["text"]) for row in read_rows(file, ("text",))] == [before + 1]
    assert csv.field_size_limit() == before
