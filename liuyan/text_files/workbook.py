"""Read and write Excel workbooks (.xlsx) as tables."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time

from liuyan.text_files.errors import TextFileError

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A workbook is a ZIP archive, in which a small file can unpack to gigabytes.
UNPACKED_AT_MOST = 128 * 1024 * 1024


def csv_of(content: bytes) -> bytes:
    """Return the first sheet of a workbook as CSV in UTF-8, with the results of formulas. Raises TextFileError."""
    from openpyxl import load_workbook  # It costs a start of 0.2 seconds.
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > UNPACKED_AT_MOST:
                raise TextFileError("The workbook is too large: save the sheet as CSV, or send it in several parts.")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        # The size that a workbook declares may be wrong, and then rows would be missing.
        sheet.reset_dimensions()
        written = io.StringIO()
        writer = csv.writer(written)
        for row in sheet.iter_rows(values_only=True):
            writer.writerow(_without_empty_end([_text(value) for value in row]))
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, SyntaxError):
        raise TextFileError(
            "The workbook cannot be read: open it in a spreadsheet program and save it again."
        ) from None
    return written.getvalue().encode("utf-8", "replace")


def workbook_of(rows: Iterable[Sequence[str | float]]) -> bytes:
    """Return a workbook with one sheet. Texts stay texts, even those that look like formulas."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value)
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells
