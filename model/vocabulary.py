"""Step 3: map words to numbers, and choose the words of a vocabulary."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy
from numpy.typing import NDArray

Text = TypeVar("Text", list[int], str)

UNKNOWN = "<unknown>"
NUMBER = "<number>"
SPECIAL = (UNKNOWN, NUMBER)
NUMBER_TYPE = numpy.dtype(numpy.int32)
# The numbers of a text without words: those of one unknown word.
UNKNOWN_TEXT = bytes(NUMBER_TYPE.itemsize)


class _Collecting(dict[str, int]):
    """Numbers by word. Looking up an unknown word returns -1 and adds the word to ``unknown``."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        super().__init__(numbers)
        self.unknown: list[str] = []

    def __missing__(self, word: str) -> int:
        self.unknown.append(word)
        return -1


class Vocabulary:
    """The words that the network knows. A word's number is its index in ``words``."""

    def __init__(self, words: Sequence[str], maximum_tokens: int) -> None:
        """Longer texts than ``maximum_tokens`` keep their head and tail. Raises ValueError for invalid ``words``."""
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise ValueError("a vocabulary starts with its special words and has no duplicates")
        self.words = tuple(words)
        self.maximum_tokens = maximum_tokens
        self._numbers = {word: number for number, word in enumerate(words)}
        self._collecting = _Collecting(self._numbers)

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

    def look_up_all(self, texts: Iterable[Iterable[str]]) -> list[bytes]:
        """Return ``look_up`` of the words of each of ``texts``, as bytes that ``word_numbers`` reads.

        Bytes are compared and hashed faster than tuples, and read as one array. If ``texts`` is an iterator, a text's
        words are still in the processor's cache when they are looked up. Not thread-safe.
        """
        known = self._collecting
        known.unknown.clear()
        found: list[int] = []
        ends = []
        for words in texts:
            start = len(found)
            found.extend(map(known.__getitem__, words))
            if known.unknown:
                self._spell_unknown(found, start)
            ends.append(len(found))
        return self._slices(numpy.fromiter(found, NUMBER_TYPE, len(found)).tobytes(), ends)

    def _spell_unknown(self, numbers: list[int], place: int) -> None:
        """Replace each -1 from ``place`` on with the numbers of the next unknown word, and clear the unknown words."""
        for word in self._collecting.unknown:
            place = numbers.index(-1, place)
            numbers[place : place + 1] = self._spell(word)
        self._collecting.unknown.clear()

    def _slices(self, content: bytes, ends: Iterable[int]) -> list[bytes]:
        """Return the numbers of each text as bytes, shortened like those of ``look_up``."""
        size = NUMBER_TYPE.itemsize
        most, head = size * self.maximum_tokens, size * (self.maximum_tokens // 2)
        texts = []
        start = 0
        for end in ends:
            text = content[size * start : size * end]
            if len(text) > most:
                text = text[:head] + text[head - most :]
            texts.append(text or UNKNOWN_TEXT)
            start = end
        return texts

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


def word_numbers(texts: Sequence[bytes]) -> tuple[NDArray[numpy.int32], NDArray[numpy.int64]]:
    """Return the word numbers of ``texts``, results of ``look_up_all``, one after the other, and the texts' lengths."""
    lengths = numpy.fromiter(map(len, texts), numpy.int64, len(texts)) // NUMBER_TYPE.itemsize
    return numpy.frombuffer(b"".join(texts), NUMBER_TYPE), lengths


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
