"""Texts and rows of uploaded files, within the limits of a request."""

import pytest

from api.text_file import read_lines
from liuyan.text_files.columns import ColumnOptions
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.table import Format

TEXTS = ["物流很快，包装也好 👍", "再也不来了"]


def read(
    content: bytes, format: Format = "csv", wanted: ColumnOptions = ColumnOptions(), encoding: str | None = None
) -> list[tuple[int, str]]:
    """Return the numbers and texts of the lines."""
    read = read_lines(content, format=format, wanted=wanted, encoding=encoding, maximum_lines=10, maximum_text=100)
    return [(line.row, line.text) for line in read.lines]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("format", ["csv", "lines"])
def test_encodings_and_line_endings(encoding: str, end: str, format: Format) -> None:
    content = end.join([TEXTS[0], "", TEXTS[1], ""]).encode(encoding)
    assert read(content, format) == [(1, TEXTS[0]), (3, TEXTS[1])]


def test_rows_are_numbered_as_in_a_spreadsheet() -> None:
    content = 'id, Text ,stars\n1,"有逗号，也有, 还有""引号""",5\n2\n3,"两\n行",1\n4,好,1\n'
    assert read(content.encode()) == [(2, '有逗号，也有, 还有"引号"'), (4, "两\n行"), (5, "好")]


def test_without_a_header_the_first_row_is_a_comment() -> None:
    assert read("很好,5\n很差,1\n".encode()) == [(1, "很好"), (2, "很差")]


def test_the_declared_column_and_encoding_are_used() -> None:
    assert read("text,备注\n很好,真的\n".encode(), wanted=ColumnOptions("备注")) == [(2, "真的")]
    assert read("很好".encode("big5"), encoding="big5") == [(1, "很好")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no comments"),
        (b"text\n\n \n", "has no comments"),
        (b"\xff\xff\xff", "The encoding is unknown"),
        ("好\n".encode() * 11, "more than 10 texts"),
        (("短\n" + "长" * 101).encode(), "The text in line 2 has more than 100 characters"),
        (b'a\n"open\nb\n', "The quote that opens in line 2 is never closed"),
        (b'a\nb\n"c"d\n', "The quote that opens in line 3 closes before its cell ends"),
    ],
)
def test_the_error_explains_why_a_file_is_unreadable(content: bytes, sentence: str) -> None:
    with pytest.raises(TextFileError, match=sentence):
        read(content)
