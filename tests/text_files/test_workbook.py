"""Tests of reading and writing Excel workbooks."""

import io
import zipfile
from datetime import datetime

import pytest
from openpyxl import Workbook

from liuyan.text_files import workbook
from liuyan.text_files.errors import TextFileError


def saved(*rows: list[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_first_sheet_is_read_as_csv() -> None:
    content = saved(["时间", "评论", "评分"], [datetime(2026, 1, 2, 3, 4), "很好，\n再来", 5.0], [], [None, None, 1.5])
    assert workbook.csv_of(content).decode().split("\r\n") == [
        "时间,评论,评分",
        '2026-01-02T03:04:00,"很好，\n再来",5',
        "",
        ",,1.5",
        "",
    ]


def test_texts_are_not_written_as_formulas() -> None:
    content = workbook.workbook_of([["=1+1", "控制\x0b字符"], ["正面", 0.5]])
    assert workbook.csv_of(content).decode() == "=1+1,控制字符\r\n正面,0.5\r\n"


@pytest.mark.parametrize("content", [b"PK\x03\x04 cut off", b"no archive", saved(["a"])[:500]])
def test_damaged_workbooks_are_refused(content: bytes) -> None:
    with pytest.raises(TextFileError, match="cannot be read"):
        workbook.csv_of(content)


def test_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "UNPACKED_AT_MOST", 1_000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", "0" * 1_001)
    with pytest.raises(TextFileError, match="too large"):
        workbook.csv_of(archive.getvalue())
