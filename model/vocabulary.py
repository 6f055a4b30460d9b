"""Third step: words to numbers, and the choice of the words that are worth a number."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

Text = TypeVar("Text", list[int], str)

UNKNOWN = "<unknown>"
NUMBER = "<number>"
SPECIAL = (UNKNOWN, NUMBER)


class Vocabulary:
    """The words that the network knows; a word's number is its place in ``words``."""

    def __init__(self, words: Sequence[str], maximum_tokens: int) -> None:
        """``maximum_tokens`` bounds what one text gives: longer ones keep their head and their tail."""
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise ValueError("a vocabulary begins with its special words and holds each word once")
        self.words = tuple(words)
        self.maximum_tokens = maximum_tokens
        self._numbers = {word: number for number, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self.words)

    def look_up(self, words: Iterable[str]) -> tuple[int, ...]:
        """The numbers of ``words``: at least one, at most ``maximum_tokens``."""
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
        """The numbers of one word: its own, or those of its characters; none for white space."""
        number = self._numbers.get(word)
        return self._spell(word) if number is None else [number]

    def _spell(self, word: str) -> list[int]:
        """A word that is not known: its known characters; letters and digits alone would say nothing."""
        if word.isspace():
            return []
        if word.isascii():
            return [1 if word[0].isdigit() else 0]
        return [self._numbers[character] for character in word if character in self._numbers] or [0]


def shorten(text: Text, most: int) -> Text:
    """Head and tail of more than ``most`` numbers or characters: verdicts stand at both ends of a long comment."""
    if len(text) <= most:
        return text
    head = most // 2
    return text[:head] + text[head - most :]


def choose_words(segmented: Iterable[Sequence[str]], size: int, at_least: int = 2) -> list[str]:
    """The ``size`` words worth a number: special ones, characters that spell the rest, and the most frequent words."""
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
