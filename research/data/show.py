"""The registry as a table in the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table

from research.data.sources import DataSet, Found, Presence

MARKS: dict[Presence, str] = {
    "present": "[green]here[/]",
    "other": "[yellow]another file[/]",
    "missing": "[red]missing[/]",
}


def show_data(sets: Mapping[str, DataSet], found: Sequence[Found], console: Console) -> None:
    """The registry as a table, and below it what to do about files that are missing or are other ones."""
    table = Table(
        Column("file", no_wrap=True),
        Column("comments", justify="right"),
        Column("state", no_wrap=True),
        Column("what, and the licence stated", ratio=1),
        Column("from", ratio=1, overflow="fold"),
        title="Data sets",
    )
    for one in found:
        source = sets[one.source]
        what = f"{source.what} [dim]({source.licence})[/]"
        table.add_row(one.file.path, f"{one.file.rows:,}", MARKS[one.presence], what, source.origin)
    console.print(table)
    for one in found:
        if one.presence == "other":
            console.print(
                f"{one.file.path} is another file than the one that the shipped model learnt from: SHA-256 "
                f"{one.sha256}, expected {one.file.sha256}.",
                soft_wrap=True,
            )
    if any(one.presence == "missing" for one in found):
        console.print(
            "What is missing is in the repositories named, on GitHub: write it as CSV with the columns label,text "
            "(1 positive, 0 negative; of rated/ also split, which ends in the stars, such as hotel_4; of *.txt one "
            "comment a line) into the folder that LIUYAN_DATA_DIR or --data-dir names, under the file's name above. "
            "Some are made out of clones by `python -m research.data --collect CLONES`.",
            soft_wrap=True,
        )
