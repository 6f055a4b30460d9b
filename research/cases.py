"""Label the hand-written cases with a model: `python -m research.cases`."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from liuyan.cli import main
from liuyan.terminal import write_line
from model.labeller import Labeller, Prediction, load_labeller
from model.parameters import artifact_option

CASES = Path(__file__).parents[1] / "tests" / "model" / "cases.csv"
UNCERTAIN = "uncertain"

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@dataclass(frozen=True, slots=True)
class Case:
    """A hand-written comment. Its ``label`` is positive, negative, or uncertain if it has no clear sentiment."""

    category: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """A case and a model's prediction for it."""

    case: Case
    prediction: Prediction

    @property
    def correct(self) -> bool:
        """Whether the label is the case's, or the prediction is uncertain for a case without a clear sentiment."""
        if self.case.label == UNCERTAIN:
            return self.prediction.uncertain
        return self.prediction.label == self.case.label


def read_cases() -> list[Case]:
    """Read the hand-written cases."""
    with CASES.open(encoding="utf-8", newline="") as stream:
        return [Case(**row) for row in csv.DictReader(stream)]


def judge(labeller: Labeller) -> list[Result]:
    """Label all cases."""
    cases = read_cases()
    predictions = labeller.predict([case.text for case in cases])
    return [Result(case, prediction) for case, prediction in zip(cases, predictions, strict=True)]


def tables(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of two Markdown tables: correct cases by category, and all errors."""
    yield "| category | correct | of |"
    yield "| --- | --- | --- |"
    for category in dict.fromkeys(one.case.category for one in results):
        found = [one.correct for one in results if one.case.category == category]
        yield f"| {category} | {sum(found)} | {len(found)} |"
    yield f"| **all** | {sum(one.correct for one in results)} | {len(results)} |"
    yield ""
    yield "| comment | category | label | probability of positive |"
    yield "| --- | --- | --- | --- |"
    for one in results:
        if not one.correct:
            band = ", uncertain" if one.prediction.uncertain else ""
            case = one.case
            yield f"| {case.text} | {case.category} | {case.label} | {one.prediction.probability:.3f}{band} |"


@app.command()
def cases(
    model: Annotated[Path | None, artifact_option("Artifact folder. Default: the shipped one.")] = None,
) -> None:
    """Label the hand-written cases: correct ones by category, and all errors. The tables are Markdown.

    Examples:

        python -m research.cases

        python -m research.cases --model model
    """
    for line in tables(judge(load_labeller(model, answer_cache_size=0))):
        write_line(line)


if __name__ == "__main__":
    main(app)
