"""Recognise texts that are held back for comparing models, in any spelling, so that no training sees them."""

from collections.abc import Iterable

from model.normalise import character_table, normalise
from model.training.data import digest, simplified_characters


class HeldBackTexts:
    """A set of texts that compares normalised texts.

    Two texts are equal if the model reads the same in both (``normalise``), or if they differ in punctuation only.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._table = character_table(simplified_characters())
        self._digests: set[str] = set()
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, text: str) -> bool:
        return bool(self._digests) and not self._digests.isdisjoint(self._forms(text))

    def add(self, text: str) -> None:
        """Add a text."""
        self._digests.update(self._forms(text))

    def _forms(self, text: str) -> tuple[str, str]:
        return digest(text), digest(normalise(text, self._table))
