"""Files of comments: encodings, columns, and one clear sentence for each that cannot be read."""

import pytest

from liuyan.api.text_file import Line, TextFileError, read_lines

TEXTS = ["物流很快，包装也好 👍", "再也不来了"]


def read(content: bytes, *, is_csv: bool = True, maximum_lines: int = 10, maximum_text: int = 100) -> list[Line]:
    return read_lines(content, is_csv=is_csv, maximum_lines=maximum_lines, maximum_text=maximum_text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("is_csv", [True, False])
def test_encodings_and_ends_of_lines(encoding: str, end: str, is_csv: bool) -> None:
    content = end.join([TEXTS[0], "", TEXTS[1], ""]).encode(encoding)
    assert read(content, is_csv=is_csv) == [Line(1, TEXTS[0]), Line(3, TEXTS[1])]


def test_the_column_text_is_found_wherever_it_stands() -> None:
    content = 'id, Text ,stars\n1,"有逗号，也有, 还有""引号""",5\n2\n3,"两\n行",1\n'
    assert read(content.encode()) == [Line(2, '有逗号，也有, 还有"引号"'), Line(4, "两\n行")]


def test_without_such_a_column_the_first_is_read_from_its_first_row() -> None:
    assert read("很好,5\n很差,1\n".encode()) == [Line(1, "很好"), Line(2, "很差")]


def test_a_line_of_text_may_hold_commas_and_odd_separators() -> None:
    assert read("一,二\u2028三\x0b四".encode(), is_csv=False) == [Line(1, "一,二\u2028三\x0b四")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no text in it"),
        (b"text\n\n \n", "no text in it"),
        (b"\xff\xfea\0", "UTF-16"),
        (b"PK\x03\x04\0\0", "neither text in UTF-8 nor in GB18030"),
        (b"\xff\xff\xff", "neither text in UTF-8 nor in GB18030"),
        ("好\n".encode() * 11, "more than 10 texts"),
        (("短\n" + "长" * 101).encode(), "Row 2 has more than 100 characters"),
        (b"a\n" + b"b" * 200_000, "Row 2 has more than 131,072 characters"),
        (b'a\n"open\nb\n', "Row 2 is not CSV"),
        (b'a\nb\n"c"d\n', "Row 3 is not CSV"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, sentence: str) -> None:
    with pytest.raises(TextFileError, match=sentence):
        read(content)
