"""What the commands print for people: coloured words in the terminal."""

import sys
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from liuyan.terminal import console, printable, write_json, write_line
from model.files import forget_output
from model.labeller import Explanation, Labeller

# How far the calibrated logit falls without a word, for the word to be coloured, and to be coloured strongly.
FAINT, STRONG = 0.3, 1.0


def show_explanation(text: str, explanation: Explanation, console: Console) -> None:
    """A comment with its label, its words coloured by what they contributed: green for positive, red for negative.

    Below it stand the words that matter most with their figures, so that it can be read without colours too.
    """
    prediction = explanation.prediction
    label = f"uncertain (leaning {prediction.label})" if prediction.uncertain else prediction.label
    verdict = Text(f"{label} {prediction.probability:.3f}", "bold")
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


def write_explanations(lines: Iterable[tuple[int, str]], labeller: Labeller, as_json: bool) -> None:
    """Each comment's explanation on standard output, for people or as a JSON object a line.

    ``lines`` are the number of a line and its comment. Lines without text are skipped and reported on standard error.
    """
    terminal = console()
    try:
        for number, text in lines:
            if not text.strip():
                write_line(f"line {number} has no text: skipped", err=True)
                continue
            explanation = labeller.explain(text)
            if as_json:
                said = {"text": text, **asdict(explanation.prediction), "words": list(map(asdict, explanation.words))}
                write_json(said)
            else:
                show_explanation(text, explanation, terminal)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
