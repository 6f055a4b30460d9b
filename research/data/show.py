"""Show the registry of data sets in the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table

from research.data.sources import DataSet, FileState, Presence

MARKS: dict[Presence, str] = {
    "present": "[green]here[/]",
    "other": "[yellow]another file[/]",
    "missing": "[red]missing[/]",
}


def show_data(sets: Mapping[str, DataSet], found: Sequence[FileState], console: Console) -> None:
    """Print the registry as a table, and what to do about missing or different files."""
    table = Table(
        Column("file", no_wrap=True),
        Column("comments", justify="right"),
        Column("state", no_wrap=True),
        Column("content, stated licence", ratio=1),
        Column("origin", ratio=1, overflow="fold"),
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
                f"{one.file.path} differs from the file that the shipped model learned from: "
                f"SHA-256 {one.sha256}, expected {one.file.sha256}.",
                soft_wrap=True,
            )
    if any(one.presence == "missing" for one in found):
        console.print(
            "Missing data is in the GitHub repositories above. Write it to the data folder (LIUYAN_DATA_DIR or "
            "--data-dir) under the file name above: CSV with the columns label,text (1 positive, 0 negative), in "
            "rated/ also split, which ends with the stars, such as hotel_4; *.txt has one comment per line. "
            "`python -m research.data --collect CLONES` clones the repositories and creates nearly all files.",
            soft_wrap=True,
        )
