"""Step 3: map words to numbers, and choose the words of a vocabulary."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

Text = TypeVar("Text", list[int], str)

UNKNOWN = "<unknown>"
NUMBER = "<number>"
SPECIAL = (UNKNOWN, NUMBER)


class Vocabulary:
    """The words that the network knows. A word's number is its index in ``words``."""

    def __init__(self, words: Sequence[str], maximum_tokens: int) -> None:
        """Longer texts than ``maximum_tokens`` keep their head and tail. Raises ValueError for invalid ``words``."""
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise ValueError("a vocabulary starts with its special words and has no duplicates")
        self.words = tuple(words)
        self.maximum_tokens = maximum_tokens
        self._numbers = {word: number for number, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self.words)

    def look_up(self, words: Iterable[str]) -> tuple[int, ...]:
        """Return the numbers of ``words``: at least one, at most ``maximum_tokens``."""
        known = self._numbers.get
        numbers: list[int] = []
        for word in words:
            number = known(word)
            if number is None:
                numbers.extend(self._spell(word))
            else:
                numbers.append(number)
        return tuple(shorten(numbers, self.maximum_tokens)) or (0,)

    def numbers(self, word: str) -> list[int]:
        """Return the number of a known word, or those of its characters; none for whitespace."""
        number = self._numbers.get(word)
        return self._spell(word) if number is None else [number]

    def _spell(self, word: str) -> list[int]:
        """Return the numbers of an unknown word's known characters. ASCII words are not split."""
        if word.isspace():
            return []
        if word.isascii():
            return [1 if word[0].isdigit() else 0]
        return [self._numbers[character] for character in word if character in self._numbers] or [0]


def shorten(text: Text, most: int) -> Text:
    """Return head and tail if ``text`` is longer than ``most``: long comments state their verdict at either end."""
    if len(text) <= most:
        return text
    head = most // 2
    return text[:head] + text[head - most :]


def choose_words(segmented: Iterable[Sequence[str]], size: int, at_least: int = 2) -> list[str]:
    """Return at most ``size`` words: special words, characters to spell unknown words, and the most frequent words."""
    words: Counter[str] = Counter()
    for text in segmented:
        words.update(text)
    for blank in [word for word in words if word.isspace() or word in SPECIAL]:
        del words[blank]
    characters: Counter[str] = Counter()
    for word, count in words.items():
        if not word.isascii():
            for character in word:
                characters[character] += count
    spelling = [character for character, count in characters.most_common() if count >= 3 * at_least]
    frequent = [word for word, count in words.most_common() if count >= at_least]
    reserved = set(spelling[: size // 4])
    chosen = [word for word in frequent if word not in reserved][: size - len(SPECIAL) - len(reserved)]
    return [*SPECIAL, *sorted(reserved), *chosen]
