"""Format the figures of a comparison as table lines and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.i18n import gettext, show_number
from registry.comparison_result import Band, Cell, ComparisonResult, JudgedResult
from registry.paired_statistics import Figure
from registry.trained_on import TrainedOn

# A smaller p-value is shown as less than this one.
SMALLEST_P = 0.001


@dataclass(frozen=True, slots=True)
class FlipLine:
    """A line of flips by platform or month; ``change`` is that of the share of positive, in percentage points."""

    name: str
    compared: str
    flipped: str
    to_positive: str
    to_negative: str
    old_positive: str
    new_positive: str
    change: str


@dataclass(frozen=True, slots=True)
class BandLine:
    """Agreement inside and outside one model's uncertain band."""

    name: str
    inside: str
    inside_equal: str
    outside: str
    outside_equal: str


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its 95 % interval, which is empty for too few comments."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A score of both models."""

    name: str
    old: Score
    new: Score


def flip_lines(cells: Sequence[Cell], names: Sequence[str]) -> list[FlipLine]:
    """Format cells; ``names`` has at least as many entries."""
    return [_flip_line(cell, name) for cell, name in zip(cells, names, strict=False)]


def band_lines(result: ComparisonResult) -> list[BandLine]:
    """Format the agreement by uncertain band."""
    return [_band_line(gettext("Old model"), result.old_band), _band_line(gettext("New model"), result.new_band)]


def score_lines(judged: JudgedResult) -> list[ScoreLine]:
    """Format the scores on one sample."""
    old, new = judged.old, judged.new
    return [
        ScoreLine(gettext("Accuracy"), _score(old.accuracy), _score(new.accuracy)),
        ScoreLine(gettext("Macro-F1"), _score(old.macro_f1), _score(new.macro_f1)),
        ScoreLine(gettext("Calibration error"), _score(old.calibration_error), _score(new.calibration_error)),
    ]


def test_sentence(judged: JudgedResult) -> str:
    """Return the change of accuracy and McNemar's test as a sentence."""
    found = judged.mcnemar
    sentence = gettext(
        "Accuracy changes by %(change)s. Only the old model is right on %(old)s comments, only the new one on %(new)s "
        "(McNemar's test: %(p)s)."
    )
    p = f"p < {SMALLEST_P}" if found.p < SMALLEST_P else f"p = {found.p:.3f}"
    values = {"old": show_number(found.only_old_right), "new": show_number(found.only_new_right), "p": p}
    return sentence % {**values, "change": _change(judged.change)}


def training_notes(result: ComparisonResult) -> list[str]:
    """Return what to know about the models' training before trusting the accuracy."""
    notes = []
    for words, trained_on in (
        (gettext("The old model"), result.old_trained_on),
        (gettext("The new model"), result.new_trained_on),
    ):
        sentence = {
            TrainedOn.DATABASE: gettext(
                "%(model)s was trained on reviews of this database. Half of the audit sample was held back from "
                "training; the unbiased figures use only that half."
            ),
            TrainedOn.FILE: gettext(
                "%(model)s was trained on a file of reviews, which may contain comments of the audit sample. Its "
                "accuracy may be overestimated."
            ),
            TrainedOn.UNKNOWN: gettext(
                "The artifact of this model is not available: %(model)s. It may have been trained on comments of the "
                "audit sample."
            ),
        }.get(trained_on)
        if sentence:
            notes.append(sentence % {"model": words})
    return notes


def _flip_line(cell: Cell, name: str) -> FlipLine:
    flipped = cell.to_positive + cell.to_negative
    return FlipLine(
        name,
        show_number(cell.compared),
        f"{show_number(flipped)} ({_share(flipped, cell.compared)})",
        show_number(cell.to_positive),
        show_number(cell.to_negative),
        _share(cell.old_positive, cell.compared),
        _share(cell.new_positive, cell.compared),
        _points((cell.new_positive - cell.old_positive) / cell.compared) if cell.compared else "–",
    )


def _band_line(name: str, band: Band) -> BandLine:
    return BandLine(
        name,
        show_number(band.inside),
        _share(band.inside_equal, band.inside),
        show_number(band.outside),
        _share(band.outside_equal, band.outside),
    )


def _score(figure: Figure) -> Score:
    if figure.value is None:
        return Score("–", "")
    known = figure.low is not None and figure.high is not None
    return Score(f"{figure.value:.1%}", f"{figure.low:.1%} … {figure.high:.1%}" if known else "")


def _change(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    if figure.low is None or figure.high is None:
        return _points(figure.value)
    words = gettext("%(change)s points (%(low)s … %(high)s)")
    return words % {"change": _signed(figure.value), "low": _signed(figure.low), "high": _signed(figure.high)}


def _points(share: float) -> str:
    """Return a difference of shares in percentage points."""
    return gettext("%(points)s points") % {"points": _signed(share)}


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _share(n: int, of: int) -> str:
    return f"{n / of:.1%}" if of else "–"
