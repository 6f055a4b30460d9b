"""Print explanations with coloured words in the terminal."""

import sys
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from liuyan.terminal import console, printable, write_json, write_line
from model.files import discard_output
from model.labeller import Explanation, Labeller

# Contributions to the calibrated logit from which a word is coloured, and coloured in bold.
FAINT, STRONG = 0.3, 1.0


def show_explanation(text: str, explanation: Explanation, console: Console) -> None:
    """Print a comment with its label and its words coloured by contribution: green for positive, red for negative.

    The most important words follow with their contributions, so that the output is readable without colours.
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
    """Write each comment's explanation to standard output, as text or as one JSON object per line.

    ``lines`` are line numbers and comments. Lines without text are skipped and reported on standard error.
    """
    terminal = console()
    try:
        for number, text in lines:
            if not text.strip():
                write_line(f"line {number} has no text: skipped", err=True)
                continue
            explanation = labeller.explain(text)
            if as_json:
                fields = {
                    "text": text,
                    **explanation.prediction._asdict(),
                    "words": list(map(asdict, explanation.words)),
                }
                write_json(fields)
            else:
                show_explanation(text, explanation, terminal)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
