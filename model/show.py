"""What the commands print for people: tables and coloured words in the terminal."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from liuyan.terminal import Column, console, printable, write_json, write_table, write_total
from model.files import forget_output
from model.labeller import Explanation, Labeller
from research.data.registry import SOURCES, Found, Presence

MARKS: dict[Presence, str] = {
    "present": "here",
    "other": "another file",
    "missing": "missing",
}

# How far the calibrated logit falls without a word, for the word to be coloured, and to be coloured strongly.
FAINT, STRONG = 0.3, 1.0


def show_data(found: Sequence[Found]) -> None:
    """The registry as a table, and after it what to do about files that are missing or differ."""
    columns = [Column("file"), Column("comments", right=True), Column("state")]
    below = [Column(name, below=True) for name in ("what", "licence", "from")]
    rows = []
    for one in found:
        source = SOURCES[one.source]
        rows.append((one.file.path, one.file.rows, MARKS[one.presence], source.what, source.licence, source.origin))
    write_table([*columns, *below], rows)
    for one in found:
        if one.presence == "other":
            write_total(
                f"{one.file.path} is another file than the one that the shipped model learnt from: SHA-256 "
                f"{one.sha256}, expected {one.file.sha256}."
            )
    if any(one.presence == "missing" for one in found):
        write_total(
            "What is missing is in the repositories named, on GitHub: write it as CSV with the columns label,text "
            "(1 positive, 0 negative; of rated/ also split, which ends in the stars, such as hotel_4; of *.txt one "
            "comment a line) into the folder that LIUYAN_DATA_DIR or --data-dir names, under the file's name above. "
            "Some are made out of clones by `liuyan model data --collect CLONES`."
        )


def show_explanation(text: str, explanation: Explanation, console: Console) -> None:
    """A comment with its label, its words coloured by what they contributed: green for positive, red for negative.

    Below it stand the words that matter most with their figures, so that it can be read without colours too.
    """
    prediction = explanation.prediction
    uncertain = ", uncertain" if prediction.uncertain else ""
    verdict = Text(f"{prediction.label} {prediction.probability:.3f}{uncertain}", "bold")
    console.print(verdict, _coloured(text, explanation))
    top = sorted(explanation.words, key=lambda word: -abs(word.contribution))[:5]
    console.print(Text("  ".join(f"{printable(word.text)} {word.contribution:+.2f}" for word in top), "dim"))


def _coloured(text: str, explanation: Explanation) -> Text:
    coloured, at = Text(), 0
    for word in explanation.words:
        if abs(word.contribution) < FAINT:
            continue
        colour = "green" if word.contribution > 0 else "red"
        strength = "bold " if abs(word.contribution) >= STRONG else ""
        coloured.append(printable(text[at : word.start]))
        coloured.append(printable(text[word.start : word.end]), strength + colour)
        at = word.end
    return coloured.append(printable(text[at:]))


def write_explanations(texts: Iterable[str], labeller: Labeller, as_json: bool) -> None:
    """Each comment's explanation on standard output, for people or as a JSON object a line."""
    terminal = console()
    try:
        for text in texts:
            explanation = labeller.explain(text)
            if as_json:
                said = {"text": text, **asdict(explanation.prediction), "words": list(map(asdict, explanation.words))}
                write_json(said)
            else:
                show_explanation(text, explanation, terminal)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
