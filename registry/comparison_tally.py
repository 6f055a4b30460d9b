"""Add up the steps of a comparison. A tally is stored as JSON after some steps, so another process can continue."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.paired_statistics import Judgements, fine_bin, judgements_of
from store.batch import Label
from store.comments import ShownLabel
from store.comparison_scan import CANDIDATES, Flip, Judged, PairCount, Step

# Platform, month (2026-01), old label, old uncertain, new label, new uncertain; None without a prediction.
PairKey = tuple[str, str, Label | None, bool, Label | None, bool]


@dataclass(slots=True)
class JudgedTally:
    """Judged comments, counted by what ``paired_statistics`` needs."""

    joint: Counter[tuple[bool, bool, bool]] = field(default_factory=Counter)
    old: dict[tuple[int, bool], tuple[int, float]] = field(default_factory=dict)
    new: dict[tuple[int, bool], tuple[int, float]] = field(default_factory=dict)

    def add(self, positive: bool, one: Judged) -> None:
        """Count a comment that people labelled ``positive`` or negative."""
        self.joint[positive, one.old_probability >= 0.5, one.new_probability >= 0.5] += 1
        for bins, probability in ((self.old, one.old_probability), (self.new, one.new_probability)):
            n, total = bins.get((fine_bin(probability), positive), (0, 0.0))
            bins[fine_bin(probability), positive] = (n + 1, total + probability)

    def judgements(self) -> Judgements:
        """Return the counts as arrays."""
        return judgements_of(self.joint, self.old, self.new)


@dataclass(slots=True)
class Tally:
    """The counts of a comparison so far.

    ``held_back`` and ``audited`` count blind decisions on the two halves of the audit sample, ``reviewed`` the newest
    reviews of all comments. ``flips`` are the best candidates for examples of each direction, by the new label.
    """

    pairs: Counter[PairKey] = field(default_factory=Counter)
    held_back: JudgedTally = field(default_factory=JudgedTally)
    audited: JudgedTally = field(default_factory=JudgedTally)
    reviewed: JudgedTally = field(default_factory=JudgedTally)
    flips: dict[Label, list[Flip]] = field(default_factory=lambda: {label: [] for label in Label})

    def add(self, step: Step) -> None:
        """Add a step."""
        for pair in step.pairs:
            self.pairs[_key(pair)] += pair.n
        for one in step.judged:
            if one.blind is not None:
                (self.held_back if one.held_back else self.audited).add(one.blind == ShownLabel.POSITIVE, one)
            if one.reviewed is not None:
                self.reviewed.add(one.reviewed == ShownLabel.POSITIVE, one)
        for flip in step.flips:
            self.flips[Label.POSITIVE if flip.new_probability >= 0.5 else Label.NEGATIVE].append(flip)
        for label, found in self.flips.items():
            self.flips[label] = sorted(found, key=lambda flip: (flip.rank, flip.comment_number))[:CANDIDATES]

    @property
    def examples(self) -> list[Flip]:
        """The candidates of both directions."""
        return [flip for label in Label for flip in self.flips[label]]

    def to_json(self) -> str:
        """Return the tally as JSON."""
        judged = [self.held_back, self.audited, self.reviewed]
        document = {
            "pairs": [[*key, n] for key, n in self.pairs.items()],
            "judged": [[_items(one.joint), _items(one.old), _items(one.new)] for one in judged],
            "flips": [_flip_values(flip) for flip in self.examples],
        }
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> "Tally":
        """Return the tally that ``to_json`` wrote, or an empty one for None."""
        if text is None:
            return cls()
        document = json.loads(text)
        pairs: Counter[PairKey] = Counter()
        for platform, month, old, unsure, new, also, n in document["pairs"]:
            pairs[platform, month, _label(old), unsure, _label(new), also] = n
        held_back, audited, reviewed = (_judged(*lists) for lists in document["judged"])
        tally = cls(pairs, held_back, audited, reviewed)
        for values in document["flips"]:
            flip = Flip(*values)
            tally.flips[Label.POSITIVE if flip.new_probability >= 0.5 else Label.NEGATIVE].append(flip)
        return tally


def merged(parts: Iterable[JudgedTally]) -> JudgedTally:
    """Return the counts of all parts together."""
    total = JudgedTally()
    for part in parts:
        total.joint.update(part.joint)
        for bins, more in ((total.old, part.old), (total.new, part.new)):
            for key, (n, summed) in more.items():
                before, so_far = bins.get(key, (0, 0.0))
                bins[key] = (before + n, so_far + summed)
    return total


def _key(pair: PairCount) -> PairKey:
    month = f"{pair.year:04}-{pair.month:02}"
    return (pair.platform, month, pair.old_label, pair.old_uncertain, pair.new_label, pair.new_uncertain)


def _items(counts: Any) -> list[list[Any]]:
    return [[*key, value] for key, value in counts.items()]


def _flip_values(flip: Flip) -> list[Any]:
    return [flip.rank, flip.comment_number, flip.comment_version, flip.old_probability, flip.new_probability]


def _judged(joint: Sequence[Any], old: Sequence[Any], new: Sequence[Any]) -> JudgedTally:
    by_labels = Counter({(truth, first, second): n for truth, first, second, n in joint})
    return JudgedTally(by_labels, _bins(old), _bins(new))


def _bins(items: Sequence[Any]) -> dict[tuple[int, bool], tuple[int, float]]:
    return {(place, truth): (n, total) for place, truth, (n, total) in items}


def _label(value: str | None) -> Label | None:
    return None if value is None else Label(value)
