"""Damaged files: read without loss, or rejected with one sentence."""

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
    """None where the file is rejected."""
    try:
        return Table(io.BytesIO(content), format_of(Path(name)))
    except TextFileError:
        return None


def check_nothing_is_lost(table: Table, content: bytes) -> None:
    """The file's characters, without what CSV itself is written with, are those of its cells."""
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
    written = "".join(lines[declared:])
    assert len(rows) == count_records(written, separator)
    own = rf'["\r\n{separator}]'
    assert re.sub(own, "", written) == re.sub(own, "", "".join(cell for row in rows for cell in row.cells))


def count_records(text: str, separator: str) -> int:
    """The rows of well-formed CSV, blank lines left out, by the grammar of RFC 4180 alone."""
    cell = re.compile(rf'"(?:[^"]|"")*"(?=[{separator}\r\n]|\Z)|[^"\r\n{separator}][^\r\n{separator}]*|')
    place = records = begun = 0
    while place < len(text):
        found = cell.match(text, place)
        assert found
        place = found.end()
        end = re.compile(r"\r\n|\r|\n|\Z").match(text, place)
        if end is None:
            assert text[place] == separator, f"no cell ends at {text[place : place + 20]!r}"
            place += 1
            continue
        records += text[begun:place] != ""
        place = begun = end.end()
    return records + (begun < len(text))  # an empty cell at the end of the file


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
    # Both happen often, or the damage is no test.
    assert min(outcomes[True], outcomes[False]) > MUTATIONS / 10
