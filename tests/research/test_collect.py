"""Data sets from clones: reading each file format, and reproducible results."""

import csv
import io
import subprocess
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from typer.testing import CliRunner

from liuyan.errors import UsageError
from research.data.__main__ import app
from research.data.clones import CLONES
from research.data.collect import (
    EMOTIONS,
    NUMBERS,
    STARS,
    Aspected,
    Aspects,
    Blocks,
    Clone,
    Columns,
    JsonArray,
    JsonLines,
    Lines,
    Reader,
    Sheet,
    Zipped,
    clean,
    collect,
    missing,
)
from research.data.git import clone_missing
from research.data.registry import DATA_SETS
from tests.model.reports import silent

COMMIT = "0" * 40


def rows(content: str | bytes, reader: Reader) -> list[tuple[str, str]]:
    return list(reader.read(content if isinstance(content, bytes) else content.encode()))


def test_lines_that_match_the_pattern() -> None:
    assert rows("1.0|很差\n没有标记\n0.0|很好|真的\r\n", Lines(r"(?P<mark>[01]\.0)\|(?P<text>.*)")) == [
        ("1.0", "很差"),
        ("0.0", "很好|真的"),
    ]
    assert rows("甲\n\n乙", Lines()) == [("", "甲"), ("", ""), ("", "乙")]


def test_columns_with_line_breaks_and_short_rows() -> None:
    assert rows('文字,星\n"很好\n真的",5\n短\n', Columns(0, 1)) == [("星", "文字"), ("5", "很好\n真的")]
    assert rows("甲,乙\n", Columns(1)) == [("", "乙")]


def test_json_lines() -> None:
    assert rows('{"star": 4, "body": "不错"}\n\n{"star": 1}\n', JsonLines("body", "star")) == [("4", "不错"), ("1", "")]


def test_json_array() -> None:
    assert rows('[{"star": 4, "body": "不错"}, {"star": 1, "body": null}]', JsonArray("body", "star")) == [
        ("4", "不错"),
        ("1", ""),
    ]


def test_json_array_within_objects() -> None:
    books = '[{"title": "甲", "said": [{"star": 5, "body": "好看"}, {"star": 1, "body": "无聊"}]}, {"title": "乙"}]'
    assert rows(books, JsonArray("body", "star", within="said")) == [("5", "好看"), ("1", "无聊")]


def test_json_array_at_a_path() -> None:
    content = '{"data": {"list": [{"body": {"text": "不错"}, "score": {"star": "5"}}, {"body": {"text": "无聊"}}]}}'
    reader = JsonArray("body.text", "score.star", top="data.list")
    assert rows(content, reader) == [("5", "不错"), ("", "无聊")]
    assert list(reader.read(b"")) == []


def test_blocks_of_several_lines() -> None:
    content = '<review id="0">\r\n\r\n很好\r\n真的\r\n</review>\n<review id="1">\n很差\n</review>\n'
    assert rows(content, Blocks(r'<review id="\d+">\s*(?P<text>.*?)\s*</review>')) == [("", "很好\n真的"), ("", "很差")]
    assert rows('<s a="x">好</s><s>差</s>', Blocks('a="(?P<mark>.)">(?P<text>[^<]*)')) == [("x", "好")]


def test_aspects_are_put_in_place() -> None:
    assert rows("$T$ 很 好\n屏 幕\nPositive\n$T$ 差\n电 池\nNegative\n", Aspected()) == [
        ("Positive", "屏 幕 很 好"),
        ("Negative", "电 池 差"),
    ]


def test_a_file_in_an_archive() -> None:
    archive = io.BytesIO()
    with ZipFile(archive, "w") as stream:
        stream.writestr("a.csv", "text,label\n很好,1\n")
    assert rows(archive.getvalue(), Zipped("a.csv", Columns(0, 1)))[1] == ("1", "很好")
    with pytest.raises(ValueError, match=r"b\.csv"):
        rows(archive.getvalue(), Zipped("b.csv", Lines()))


def test_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([1, "今天很开心", "happiness"])
    sheet.append([2, None, "anger"])
    book.save(tmp_path / "a.xlsx")
    assert rows((tmp_path / "a.xlsx").read_bytes(), Sheet(1, 2)) == [("happiness", "今天很开心"), ("anger", "")]


def test_contradictory_aspects_have_no_label() -> None:
    def sentence(text: str, *polarities: int) -> str:
        aspects = "".join(f'<aspect polarity="{one}"/>' for one in polarities)
        return f"<sentence><text>{text}</text>{aspects}</sentence>\n"

    content = sentence("好吃", 1, 2) + sentence("难吃", 3) + sentence("好吃但贵", 1, 3) + sentence("去过", 2)
    assert rows(content, Aspects()) == [("1", "好吃"), ("3", "难吃"), ("13", "好吃但贵"), ("", "去过")]


def test_older_files_are_read_as_gb18030() -> None:
    assert rows("味道很好\n".encode("gb18030"), Lines())[0] == ("", "味道很好")
    assert rows(b"\xef\xbb\xbf" + "好".encode() + b"\xff", Lines())[0] == ("", "好\ufffd")


def test_html_and_repeated_whitespace_are_removed() -> None:
    assert clean("很好<br />真的 &amp;hellip;\u200b\n  下次&nbsp;再来") == "很好 真的 … 下次 再来"


def test_collect_from_several_clones(tmp_path: Path) -> None:
    clones, output = tmp_path / "clones", tmp_path / "data"
    (clones / "somebody" / "shop").mkdir(parents=True)
    shop = clones / "somebody" / "shop"
    (shop / "stars.csv").write_text(
        "text,star\n很好用,5\n一般般,3\n不好用,1\n很好用！,5\n说不清,4\n:),5\nok fine,5\n", "utf-8"
    )
    (shop / "bad.txt").write_text("说不清\n太 差 了\n", "utf-8")
    clones_of = (
        Clone("somebody/shop", COMMIT, ("stars.csv",), Columns(0, 1), stars=STARS),
        Clone("somebody/shop", COMMIT, ("bad.txt",), Lines(), positive=False, blanks=True),
    )
    # Comments with three stars, duplicates with other punctuation, comments with both labels and texts that are not
    # Chinese are left out.
    assert collect("rated/shop.csv", clones_of, clones, output, silent) == 3
    with (output / "rated" / "shop.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["split", "label", "text"],
            ["shop_5", "1", "很好用"],
            ["shop_1", "0", "不好用"],
            ["shop", "0", "太差了"],
        ]
    before = (output / "rated" / "shop.csv").read_bytes()
    collect("rated/shop.csv", clones_of, clones, output, silent)
    assert (output / "rated" / "shop.csv").read_bytes() == before
    plain = (Clone("somebody/shop", COMMIT, ("bad.txt",), Lines()),)
    assert collect("rated/unlabelled.txt", plain, clones, output, silent) == 2
    assert (output / "rated" / "unlabelled.txt").read_text("utf-8") == "说不清\n太 差 了\n"


def test_texts_without_labels_have_no_label_column(tmp_path: Path) -> None:
    folder = tmp_path / "somebody" / "posts"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_text("label\ttext\n0\t今天有雨\n1\t很生气\n0\t明天开会\n", "utf-8")
    clone = Clone("somebody/posts", COMMIT, ("train.tsv",), Lines(r"(?P<mark>\d)\t(?P<text>.*)"), labels={"0": None})
    assert collect("neutral.csv", [replace(clone, split="train")], tmp_path, tmp_path, silent) == 2
    assert (tmp_path / "neutral.csv").read_text("utf-8") == "split,text\ntrain,今天有雨\ntrain,明天开会\n"


def test_marks_in_another_file(tmp_path: Path) -> None:
    folder = tmp_path / "somebody" / "themes"
    folder.mkdir(parents=True)
    (folder / "texts.csv").write_text("很好\n又好又差\n很差\n没说\n", "utf-8")
    (folder / "marks.csv").write_text("1;1;\n1;-1;\n-1;\n\n", "utf-8")
    signs = {"1": True, "-1": False}
    clone = Clone("somebody/themes", COMMIT, ("texts.csv",), Lines(), labels=signs, marks="marks.csv")
    assert collect("a.csv", [clone], tmp_path, tmp_path, silent) == 2
    assert (tmp_path / "a.csv").read_text("utf-8") == "split,label,text\na,1,很好\na,0,很差\n"


def test_paths_with_a_wildcard_match_files_in_order(tmp_path: Path) -> None:
    shop = tmp_path / "somebody" / "shop"
    shop.mkdir(parents=True)
    for name in ("b.txt", "a.txt", "c.csv"):
        (shop / name).write_text(f"{name[0]} 很好\n", "utf-8")
    clone = Clone("somebody/shop", COMMIT, ("*.txt",), Lines(), positive=True)
    assert [path.name for path in clone.files(tmp_path)] == ["a.txt", "b.txt"]
    assert collect("a.csv", [clone], tmp_path, tmp_path, silent) == 2
    with pytest.raises(UsageError, match=rf"matches x\*\. It is in .*somebody/shop at commit {COMMIT}"):
        collect("a.csv", [Clone("somebody/shop", COMMIT, ("x*",), Lines())], tmp_path, tmp_path, silent)


def test_cut_and_unwanted_patterns() -> None:
    clone = Clone("a/b", COMMIT, (), Lines(), positive=True, cut="（已删除）|-{10,}.*", unwanted="外卖|外賣")
    assert clone.clean("（已删除）不好用\n----------\n谢谢您的意见\n再见") == "不好用"
    assert clone.clean("叫了外賣，很慢") == ""
    assert clone.clean("很好--用") == "很好--用"


def test_missing_files_are_reported_with_repository_and_commit(tmp_path: Path) -> None:
    clones_of = [Clone("somebody/shop", COMMIT, ("a.txt",), Lines())]
    assert missing(clones_of, tmp_path) == clones_of
    (tmp_path / "somebody" / "shop").mkdir(parents=True)
    assert missing(clones_of, tmp_path) == []
    with pytest.raises(UsageError, match=f"a.txt cannot be read: .*github.com/somebody/shop at commit {COMMIT}"):
        collect("a.csv", clones_of, tmp_path, tmp_path, silent)


@pytest.mark.parametrize("content", ["[not, json or a sheet", '[["no object"]]'])
@pytest.mark.parametrize(
    "reader", [JsonLines("a", "b"), JsonArray("a", "b"), JsonArray("a", "b", within="c"), Sheet(0, 1)]
)
def test_files_with_other_content_are_reported(tmp_path: Path, reader: Reader, content: str) -> None:
    (tmp_path / "somebody" / "shop").mkdir(parents=True)
    (tmp_path / "somebody" / "shop" / "a").write_text(content, "utf-8")
    clones_of = [Clone("somebody/shop", COMMIT, ("a",), reader)]
    with pytest.raises(UsageError, match=f"is not the file at commit {COMMIT}"):
        collect("a.csv", clones_of, tmp_path, tmp_path, silent)


def test_interpret_marks() -> None:
    stars = Clone("a/b", COMMIT, (), Lines(), stars=STARS)
    assert [stars.interpret(mark) for mark in "1245"] == [(False, 1), (False, 2), (True, 4), (True, 5)]
    assert Clone("a/b", COMMIT, (), Lines(), labels=NUMBERS).interpret("1") == (True, 0)
    assert Clone("a/b", COMMIT, (), Lines(), labels=EMOTIONS).interpret("fear") == (False, 0)
    assert Clone("a/b", COMMIT, (), Lines()).interpret("anything") == (None, 0)
    with pytest.raises(KeyError):
        stars.interpret("3")


def test_clones_agree_with_the_registry() -> None:
    files = {file.path for source in DATA_SETS.values() for file in source.files}
    assert set(CLONES) <= files
    commits: dict[str, set[str]] = {}
    for one in (clone for clones_of in CLONES.values() for clone in clones_of):
        assert one.paths
        assert len(one.commit) == 40
        commits.setdefault(one.repository, set()).add(one.commit)
    assert {len(one) for one in commits.values()} == {1}
    for path, clones_of in CLONES.items():
        for one in clones_of:
            labelled = bool(one.stars or one.labels) or one.positive is not None
            assert labelled or path.endswith("unlabelled.txt")


def test_one_command_clones_and_collects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github, folder = tmp_path / "github", tmp_path / "data"
    (github / "somebody" / "shop").mkdir(parents=True)

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(github / "somebody" / "shop"), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    for text in ("很好", "改过了"):
        (github / "somebody" / "shop" / "good.txt").write_text(f"{text}\n", "utf-8")
        git("add", ".")
        git("commit", "--quiet", "-m", text)
    commit = git("rev-parse", "HEAD~1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{github}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    present = Clone("somebody/shop", commit, ("good.txt",), Lines(), positive=True)
    gone = Clone("somebody/gone", commit, ("good.txt",), Lines(), positive=True)
    other = replace(present, paths=("bad.txt",))
    wanted = {"gone.csv": (present, gone), "other.csv": (other,), "rated/shop.csv": (present,)}
    monkeypatch.setattr("research.data.__main__.CLONES", wanted)
    result = CliRunner().invoke(app, ["--collect", str(tmp_path / "clones"), "--data-dir", str(folder)])
    assert isinstance(result.exception, UsageError)
    assert "could not be created (messages above): gone.csv, other.csv." in str(result.exception)
    assert "somebody/gone could not be cloned: " in result.stderr
    assert "bad.txt cannot be read" in result.stderr
    assert (folder / "rated" / "shop.csv").read_text("utf-8") == "split,label,text\nshop,1,很好\n"
    assert not (tmp_path / "clones" / "somebody" / "gone").exists()


def test_present_files_are_not_collected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("mine", "utf-8")
    clone = Clone("somebody/shop", COMMIT, ("good.txt",), Lines(), positive=True)
    monkeypatch.setattr("research.data.__main__.CLONES", {"a.csv": (clone,)})
    arguments = ["--collect", str(tmp_path / "clones"), "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "a.csv").read_text("utf-8") == "mine"


def test_git_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    clone = Clone("somebody/shop", COMMIT, ("good.txt",), Lines(), positive=True)
    with pytest.raises(UsageError, match="Git is not installed"):
        clone_missing([clone], tmp_path, silent)


def test_collect_without_a_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIUYAN_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["--collect", str(tmp_path)])
    assert "No data folder" in str(result.exception)
