"""The result of a comparison: dataclasses that are computed from a tally and stored as JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter

from registry.comparison_tally import JudgedTally, Tally, merged
from registry.paired_statistics import (
    Counts,
    Figure,
    Judgements,
    McNemar,
    Values,
    accuracy,
    accuracy_change,
    calibration_error,
    macro_f1,
    mcnemar,
    reliability,
)
from registry.trained_on import TrainedOn
from store.batch import Label


class Sample(StrEnum):
    """Which comments were judged.

    ``audit``: the whole audit sample. ``held_back``: its part that is never used for training. ``reviews``: all
    reviewed comments, which reviewers chose, so that accuracy on them is biased.
    """

    AUDIT = "audit"
    HELD_BACK = "held_back"
    REVIEWS = "reviews"


@dataclass(frozen=True, slots=True)
class Cell:
    """The comments of one platform and month (UTC) that both models have labelled.

    ``old_positive`` and ``new_positive`` count the comments that a model labels positive; ``to_positive`` and
    ``to_negative`` count flips to that label.
    """

    platform: str
    month: str
    compared: int
    old_positive: int
    new_positive: int
    to_positive: int
    to_negative: int


@dataclass(frozen=True, slots=True)
class Band:
    """Agreement inside and outside one model's uncertain band: the number of comments, and those with equal labels."""

    inside: int
    inside_equal: int
    outside: int
    outside_equal: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Judged comments with similar probabilities: their number, mean probability and share of positive."""

    n: int
    probability: float
    positive: float


@dataclass(frozen=True, slots=True)
class ModelScores:
    """A model's scores on judged comments. ``right`` of them it labels right."""

    right: int
    accuracy: Figure
    macro_f1: Figure
    calibration_error: Figure
    reliability: Sequence[Bin]


@dataclass(frozen=True, slots=True)
class JudgedResult:
    """Both models' scores on ``judged`` comments, and McNemar's test.

    ``change`` is the new model's accuracy minus the old one's.
    """

    sample: Sample
    judged: int
    old: ModelScores
    new: ModelScores
    change: Figure
    mcnemar: McNemar


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """The figures of a comparison.

    ``only_old``, ``only_new`` and ``neither`` count comments that lack a prediction; all other figures are about
    comments that both models have labelled. ``old_band`` and ``new_band`` are about the models' uncertain bands.
    """

    cells: Sequence[Cell]
    only_old: int
    only_new: int
    neither: int
    old_band: Band
    new_band: Band
    unbiased: JudgedResult
    reviews: JudgedResult
    old_trained_on: TrainedOn
    new_trained_on: TrainedOn

    @property
    def total(self) -> Cell:
        """The sum of all cells."""
        return add_cells("", "", self.cells)

    @property
    def by_platform(self) -> list[Cell]:
        """The sums by platform, most comments first."""
        platforms = sorted({cell.platform for cell in self.cells})
        sums = [add_cells(name, "", (one for one in self.cells if one.platform == name)) for name in platforms]
        return sorted(sums, key=lambda cell: -cell.compared)

    @property
    def by_month(self) -> list[Cell]:
        """The sums by month, oldest first."""
        months = sorted({cell.month for cell in self.cells})
        return [add_cells("", name, (one for one in self.cells if one.month == name)) for name in months]


_CODEC = TypeAdapter(ComparisonResult)


def compute_result(tally: Tally, old_trained_on: TrainedOn, new_trained_on: TrainedOn) -> ComparisonResult:
    """Compute the figures of a finished tally; resampling for the intervals takes a fraction of a second."""
    only_held_back = (old_trained_on, new_trained_on) != (TrainedOn.NONE, TrainedOn.NONE)
    unbiased = tally.held_back if only_held_back else merged((tally.held_back, tally.audited))
    return ComparisonResult(
        cells=_cells(tally),
        only_old=_count(tally, old=True, new=False),
        only_new=_count(tally, old=False, new=True),
        neither=_count(tally, old=False, new=False),
        old_band=_band(tally, 3),
        new_band=_band(tally, 5),
        unbiased=_judged(Sample.HELD_BACK if only_held_back else Sample.AUDIT, unbiased),
        reviews=_judged(Sample.REVIEWS, tally.reviewed),
        old_trained_on=old_trained_on,
        new_trained_on=new_trained_on,
    )


def result_to_json(result: ComparisonResult) -> str:
    """Return the result as JSON, with only ASCII."""
    return _CODEC.dump_json(result).decode()


def result_from_json(text: str) -> ComparisonResult:
    """Return the result that ``result_to_json`` wrote."""
    return _CODEC.validate_json(text)


def add_cells(platform: str, month: str, cells: Iterable[Cell]) -> Cell:
    """Return the sum of ``cells`` under these names."""
    counts = [(one.compared, one.old_positive, one.new_positive, one.to_positive, one.to_negative) for one in cells]
    return Cell(platform, month, *(map(sum, zip(*counts, strict=True)) if counts else (0, 0, 0, 0, 0)))


def _cells(tally: Tally) -> list[Cell]:
    sums: dict[tuple[str, str], Counter[str]] = {}
    for (platform, month, old, _, new, _), n in tally.pairs.items():
        if old is None or new is None:
            continue
        counts = sums.setdefault((platform, month), Counter())
        counts["compared"] += n
        counts["old_positive"] += n * (old == Label.POSITIVE)
        counts["new_positive"] += n * (new == Label.POSITIVE)
        counts[f"to_{new}"] += n * (old != new)
    names = ("compared", "old_positive", "new_positive", "to_positive", "to_negative")
    return [Cell(*key, *(counts[name] for name in names)) for key, counts in sorted(sums.items())]


def _count(tally: Tally, *, old: bool, new: bool) -> int:
    return sum(n for key, n in tally.pairs.items() if (key[2] is not None, key[4] is not None) == (old, new))


def _band(tally: Tally, place: int) -> Band:
    """Return the agreement by the flag ``uncertain`` at this place of the keys."""
    counts: Counter[tuple[bool, bool]] = Counter()
    for key, n in tally.pairs.items():
        if key[2] is not None and key[4] is not None:
            counts[bool(key[place]), key[2] == key[4]] += n
    inside, outside = counts[True, True], counts[False, True]
    return Band(inside + counts[True, False], inside, outside + counts[False, False], outside)


def _judged(sample: Sample, counts: JudgedTally) -> JudgedResult:
    found = counts.judgements()
    joint = found.joint
    only_old = int(joint[0, 0, 1] + joint[1, 1, 0])
    only_new = int(joint[0, 1, 0] + joint[1, 0, 1])
    return JudgedResult(
        sample,
        int(joint.sum()),
        *_both(found),
        accuracy_change(joint),
        mcnemar(only_old, only_new),
    )


def _both(found: Judgements) -> tuple[ModelScores, ModelScores]:
    old, new = found.joint.sum(axis=2), found.joint.sum(axis=1)
    return _scores(old, found.old_bins, found.old_sums), _scores(new, found.new_bins, found.new_sums)


def _scores(confused: Counts, bins: Counts, sums: Values) -> ModelScores:
    right = int(confused[0, 0] + confused[1, 1])
    return ModelScores(
        right,
        accuracy(right, int(confused.sum())),
        macro_f1(confused),
        calibration_error(bins, sums),
        [Bin(*one) for one in reliability(bins, sums)],
    )
