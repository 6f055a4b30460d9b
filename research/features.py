"""Features for linear models: words and word pairs."""

from collections.abc import Callable
from itertools import pairwise

from model.normalise import character_table, normalise
from model.segment import segment
from model.training.data import simplified_characters


def words_and_pairs() -> Callable[[str], list[str]]:
    """Return a function from a text to its words and word pairs, normalised and segmented as for the GRU."""
    table = character_table(simplified_characters())

    def features(text: str) -> list[str]:
        words = [word for word in segment(normalise(text, table)) if not word.isspace()]
        return words + [" ".join(pair) for pair in pairwise(words)]

    return features
