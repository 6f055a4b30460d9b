"""Tables: the cases that all programs share, formats, separators and limits."""

import io
import os
import re
import threading
from pathlib import Path

import pytest

from liuyan.text_files.columns import ColumnOptions
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.separators import find_separator
from liuyan.text_files.table import Format, Table, format_of, open_seekable
from tests.file_cases import READABLE, REJECTED, FileCase


def read(content: bytes, format: Format | None = "csv", options: ColumnOptions = ColumnOptions()) -> list[str]:
    return [row.text for row in Table(io.BytesIO(content), format, options).rows()]


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_typical_files_are_read(case: FileCase) -> None:
    table = Table(io.BytesIO(case.content), format_of(Path(case.name)))
    assert tuple(row.text for row in table.rows()) == case.texts
    assert table.layout.rows == len(case.texts or ())
    assert tuple(row.text for row in table.rows()) == case.texts, "a second reading differs from the first"


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.name)
def test_files_that_would_lose_data_are_rejected(case: FileCase) -> None:
    with pytest.raises(TextFileError) as caught:
        Table(io.BytesIO(case.content), format_of(Path(case.name)))
    sentence = str(caught.value)
    assert all(word in sentence for word in case.says)
    assert case.line is None or re.search(rf"\b[Ll]ine {case.line}\b", sentence)
    assert "\n" not in sentence


def test_line_and_row_numbers_match_the_file() -> None:
    content = 'sep=,\nid,text\n1,"两\n行"\n\n2,好\n'.encode()
    table = Table(io.BytesIO(content), "csv")
    assert [(row.number, row.line, row.text) for row in table.rows()] == [(3, 3, "两\n行"), (5, 6, "好")]
    [first, second] = Table(io.BytesIO(b'\n{"text":"a"}\n\n{"text":"b"}\n'), "jsonl").rows()
    assert (first.line, second.line) == (2, 4)


def test_rows_without_text_count() -> None:
    assert read('text\n好\n""\n \n\n坏\n'.encode()) == ["好", "", " ", "坏"]
    assert read("id,text\n1,好\n2\n,\n4,坏\n".encode()) == ["好", "", "", "坏"]


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        (["text,label", "很好;真的,1"], ","),
        (["评论;时间", "很好,真的;1"], ";"),
        (["a\tb", "很好,真的\t1", "很差\t2"], "\t"),
        (["很好;真的"], ","),
        (["很好;真的", "很差;真的"], ","),
        (["很好,真的", "很差"], ","),
        ([], ","),
        (["评论|时间", "很好,真的|1"], "|"),
        (["好|坏", "很好|1", "很差|2", "一般|3"], ","),
    ],
)
def test_separator_other_than_a_comma_must_be_clear(lines: list[str], separator: str) -> None:
    assert find_separator([f"{line}\n" for line in lines]) == separator


def test_plain_text_is_split_only_at_line_ends() -> None:
    content = '一,二\u2028三\x0b"四\r\n\r\n五\r六'.encode()
    assert read(content, "lines") == ['一,二\u2028三\x0b"四', "", "五", "六"]


PLAIN = (
    "这家店不错,服务态度很差我再也不来了\n",
    "评论,真的没什么好说的\n不错\n",
    '"不错"但是贵\n还行\n',
    '"不错"但是贵\n',
    "好吃,便宜\n难吃,贵\n",
    "内容,我真的很喜欢\n画面,我也不太喜欢\n",
    "不错\t真的\n",
    "不错\t真的\n还行\n一般\t般\t般\n",
    "好|坏\n快|慢\n一般|般\n",
    '"没有结束的引号\n还行\n',
)


@pytest.mark.parametrize("name", ["plain.txt", "plain", "plain.dat"])
@pytest.mark.parametrize("text", PLAIN)
def test_comments_in_a_text_file_are_unchanged(name: str, text: str) -> None:
    table = Table(io.BytesIO(text.encode()), format_of(Path(name)))
    assert [row.text for row in table.rows()] == text.splitlines()
    assert table.layout.format == "lines"


@pytest.mark.parametrize("name", ["table.txt", "table"])
@pytest.mark.parametrize(
    "text",
    [
        "id,评论\n1,很好\n2,很差\n",
        "编号|评论\n1|很好\n2|很差\n",
        "1\t很好\n2\t很差\n",
        "id\ttext\n1\t很好\n2\t很差\n",
        "sep=;\n1;很好\n2;很差\n",
        '{"text":"很好"}\n{"text":"很差"}\n',
    ],
)
def test_clear_table_is_detected_without_extension(name: str, text: str) -> None:
    assert read(text.encode(), format_of(Path(name))) == ["很好", "很差"]


def test_table_of_unknown_format_needs_three_consistent_rows() -> None:
    rows = "1,很好\n2,很差\n3,一般般\n"
    assert read(rows.encode(), None) == ["很好", "很差", "一般般"]
    assert read(rows.encode(), "lines") == rows.splitlines()
    assert read("1,很好\n2,很差\n".encode(), None) == ["1,很好", "2,很差"]
    assert read("评论\n很好\n".encode(), None) == ["很好"]


def test_choosing_a_column_makes_a_text_file_a_table() -> None:
    text = "很好,真的\n很差,假的\n".encode()
    assert read(text, "lines", ColumnOptions("2")) == ["真的", "假的"]
    assert read(text, "lines", ColumnOptions(header=True)) == ["很差"]


def test_known_word_next_to_text_is_not_a_header() -> None:
    table = Table(io.BytesIO("评论,真的没什么好说的\n不错,我很喜欢\n".encode()), "csv")
    assert (table.layout.header, table.layout.rows) == (False, 2)


@pytest.mark.parametrize("format", ["csv", "lines", "jsonl", None])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[{"text":"好吃"},{"text":"难吃"}]', "This is a JSON array: write one object per line"),
        ('\n[\n  {\n    "text": "好吃"\n  }\n]\n', "This is a JSON array"),
        ('["好吃", "难吃"]', "This is a JSON array"),
        ("<!DOCTYPE html>\n<html><body>好吃</body></html>\n", "This is a web page"),
        ("\ufeff\n<HTML lang=zh>\n", "This is a web page"),
    ],
)
def test_json_arrays_and_html_are_rejected(text: str, sentence: str, format: Format | None) -> None:
    with pytest.raises(TextFileError, match=sentence):
        read(text.encode(), format)


@pytest.mark.parametrize("text", ["[微笑]好吃", '["天籁"]真好听', "[{好}]", "<html5>很难学", "<好>"])
def test_leading_bracket_is_part_of_the_comment(text: str) -> None:
    assert read(f"{text}\n{text}\n".encode(), "lines") == [text, text]


def test_json_lines_are_detected_by_extension_or_content() -> None:
    assert format_of(Path("a.JSONL")) == format_of(Path("a.ndjson")) == format_of(Path("a.json")) == "jsonl"
    assert read(b'\n {"text":"a"}\n', None) == ["a"]
    assert read("{好}\n".encode(), None) == ["{好}"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"a":1}', "no field 'text': the objects have 'a'"),
        ('{"text":"a"}\n{"label":1}', "Line 2 has no text in the field 'text'"),
        ('{"text":7}', "Line 1 has no text in the field 'text'"),
        ('{"text":NaN}', "Line 1 is not a JSON object"),
        ('{"text":"a","b":[{"c":1,"c":2}]}', "Line 1 has the key 'c' twice"),
        ('{"text":"a","\\udc00":1}', "Line 1 has a lone surrogate"),
        ('{"text":"a","n":' + "1" * 5_000 + "}", "Line 1 is not a JSON object"),
        ('{"text":"a"} {"text":"b"}', "Line 1 is not a JSON object"),
    ],
)
def test_json_lines_are_strict(content: str, sentence: str) -> None:
    with pytest.raises(TextFileError, match=sentence):
        read(content.encode(), "jsonl")


def test_json_lines_field_is_detected_or_chosen() -> None:
    content = '{"id":"1","comment":"好","note":"甲"}\n{"comment":"坏","note":"乙"}'.encode()
    assert read(content, "jsonl") == ["好", "坏"]
    assert read(content, "jsonl", ColumnOptions("note")) == ["甲", "乙"]
    with pytest.raises(TextFileError, match="no field 'text'"):
        read(content, "jsonl", ColumnOptions("text"))


def test_cell_size_is_limited() -> None:
    content = b'id,text\n1,"' + b"a" * (17 * 1024 * 1024) + b'"\n'
    with pytest.raises(TextFileError, match=r"The cell that begins in line 2 has more than 16,777,216 characters"):
        read(content)


def test_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=("text\n好\n".encode(),))
    writer.start()
    with open_seekable(pipe) as stream:
        assert [row.text for row in Table(stream, "csv").rows()] == ["好"]
    writer.join(timeout=10)
