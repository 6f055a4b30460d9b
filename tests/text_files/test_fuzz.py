"""Damaged files are read without loss or rejected."""

import io
import re
from collections import Counter
from pathlib import Path

from liuyan.text_files.csv_rows import csv_rows
from liuyan.text_files.decode import find_encoding
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.table import Table, format_of
from tests.text_files.damage import damaged_files, realistic_files

MUTATIONS = 2_000


def read(name: str, content: bytes) -> Table | None:
    """Read a file; return None if it is rejected."""
    try:
        return Table(io.BytesIO(content), format_of(Path(name)))
    except TextFileError:
        return None


def check_nothing_is_lost(table: Table, content: bytes) -> None:
    """Check that the file's characters, without CSV syntax, are those of its cells."""
    assert len(list(table.rows())) == table.layout.rows
    text = content.decode(find_encoding(io.BytesIO(content), None)).removeprefix("\ufeff")
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)
    if table.layout.format == "jsonl":
        assert table.layout.rows == sum(1 for line in lines if line.strip())
        return
    separator = table.layout.separator or ","
    declared = bool(lines) and re.fullmatch(r'"?sep=.(?:"?\s*)', lines[0]) is not None
    rows = list(csv_rows(lines[declared:], separator))
    assert len(rows) == table.layout.rows + bool(table.layout.header)
    content_rows = "".join(lines[declared:])
    assert len(rows) == count_records(content_rows, separator)
    syntax = rf'["\r\n{separator}]'
    assert re.sub(syntax, "", content_rows) == re.sub(syntax, "", "".join(cell for row in rows for cell in row.cells))


def count_records(text: str, separator: str) -> int:
    """Count the rows of well-formed CSV without blank lines, by the grammar of RFC 4180."""
    cell = re.compile(rf'"(?:[^"]|"")*"(?=[{separator}\r\n]|\Z)|[^"\r\n{separator}][^\r\n{separator}]*|')
    position = records = start = 0
    while position < len(text):
        match = cell.match(text, position)
        assert match
        position = match.end()
        end = re.compile(r"\r\n|\r|\n|\Z").match(text, position)
        if end is None:
            assert text[position] == separator, f"no cell ends at {text[position : position + 20]!r}"
            position += 1
            continue
        records += text[start:position] != ""
        position = start = end.end()
    return records + (start < len(text))  # An empty cell at the end of the file.


def test_realistic_files_are_read() -> None:
    files = realistic_files()
    assert len(files) == 20
    for name, content in files:
        table = read(name, content)
        assert table is not None, name
        assert table.layout.rows >= 15
        check_nothing_is_lost(table, content)


def test_damaged_files_are_read_without_loss_or_rejected() -> None:
    outcomes: Counter[bool] = Counter()
    for name, content in damaged_files(MUTATIONS, seed=1):
        table = read(name, content)
        outcomes[table is not None] += 1
        if table is not None:
            check_nothing_is_lost(table, content)
    # Both outcomes must be frequent, otherwise the test shows little.
    assert min(outcomes[True], outcomes[False]) > MUTATIONS / 10
