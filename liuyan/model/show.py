"""What the commands print for people: tables and coloured words in the terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from liuyan.model.files import forget_output
from liuyan.model.labeller import Explanation, Labeller
from liuyan.model.sources import SOURCES, Found, Presence

MARKS: dict[Presence, str] = {
    "present": "[green]here[/]",
    "other": "[yellow]another file[/]",
    "missing": "[red]missing[/]",
}

# How far the calibrated logit falls without a word, for the word to be coloured, and to be coloured strongly.
FAINT, STRONG = 0.3, 1.0
# A comment must not command the terminal: control characters are shown as one character that stands for them.
HARMLESS = {code: "\ufffd" for code in [*range(32), *range(127, 160)] if code != ord("\n")}


def show_data(found: Sequence[Found], console: Console) -> None:
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
        source = SOURCES[one.source]
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
            "Some are made out of clones by `liuyan model data --collect CLONES`.",
            soft_wrap=True,
        )


def show_explanation(text: str, explanation: Explanation, console: Console) -> None:
    """A comment with its label, its words coloured by what they contributed: green for positive, red for negative.

    Below it stand the words that matter most with their figures, so that it can be read without colours too.
    """
    prediction = explanation.prediction
    uncertain = ", uncertain" if prediction.uncertain else ""
    coloured = Text(text.translate(HARMLESS))
    for word in explanation.words:
        if abs(word.contribution) >= FAINT:
            colour = "green" if word.contribution > 0 else "red"
            strength = "bold " if abs(word.contribution) >= STRONG else ""
            coloured.stylize(strength + colour, word.start, word.end)
    console.print(Text(f"{prediction.label} {prediction.probability:.3f}{uncertain}", "bold"), coloured)
    top = sorted(explanation.words, key=lambda word: -abs(word.contribution))[:5]
    console.print(Text("  ".join(f"{word.text.translate(HARMLESS)} {word.contribution:+.2f}" for word in top), "dim"))


def write_explanations(texts: Iterable[str], labeller: Labeller, as_json: bool) -> None:
    """Each comment's explanation on standard output, for people or as a JSON object a line."""
    console = Console()
    try:
        for text in texts:
            explanation = labeller.explain(text)
            if as_json:
                said = {"text": text, **asdict(explanation.prediction), "words": list(map(asdict, explanation.words))}
                sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
            else:
                show_explanation(text, explanation, console)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
