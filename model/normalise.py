"""Step 1: normalise a text, so that equivalent spellings become equal.

Nothing that carries sentiment is removed: no stop words, negations or emoji.
"""

import re
from collections.abc import Mapping, Sequence

import numpy
from numpy.typing import ArrayLike, NDArray

from liuyan.nfkc import nfkc, nfkc_all
from model.code_points import CODE_POINTS, code_points, text_ends

# Placeholders are private use characters, because the segmenter keeps each of them as one word.
URL = "\ue000"
MENTION = "\ue001"

_INVISIBLE = [0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F]
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_URL = re.compile(r"(?:https?://|www\.)[\x21-\x7e]+|网页链接")
# A name ends where Weibo ends it. Without such an end, the name cannot be separated from the next words and is kept.
_MENTION = re.compile(r"@[\w\-]{2,30}(?=[\s:,。!?@/]|$)")
_WEIBO_MARK = re.compile(r"\{%|%\}")
# Runs are cut to three characters, except for digits: 10000 is not 1000.
_RUN = re.compile(r"([^\d\s])\1{3,}")
_MANY = r"\1\1\1"

# In the order of application.
SUBSTITUTIONS = ((_WEIBO_MARK, " "), (_URL, URL), (_MENTION, MENTION), (_RUN, _MANY))


def character_table(simplified: Mapping[str, str]) -> dict[int, str | None]:
    """Return the table for ``normalise``: traditional to simplified characters; invisible ones are dropped."""
    table: dict[int, str | None] = {ord(old): new for old, new in simplified.items()}
    table.update(dict.fromkeys([*_INVISIBLE, *_SKIN_TONES, ord(URL), ord(MENTION)]))
    table[0] = " "
    return table


def normalise(text: str, table: Mapping[int, str | None]) -> str:
    """Apply NFKC, lower case and simplified characters, shorten runs, replace URLs and mentions by placeholders."""
    return _substitute(nfkc(text).lower().translate(table))


def _substitute(text: str) -> str:
    """Apply SUBSTITUTIONS to a text in NFKC and lower case that was translated."""
    if "{%" in text:
        text = _WEIBO_MARK.sub(" ", text)
    if "http" in text or "www." in text or "网页链接" in text:
        text = _URL.sub(URL, text)
    if "@" in text:
        text = _MENTION.sub(MENTION, text)
    return _RUN.sub(_MANY, text)


class Normaliser:
    """Normalise many texts at once: ``normalise`` with less work for the texts that need only NFKC and lower case.

    One pass over the code points of all texts finds the others, which are one in twenty.
    """

    # Each substitution needs one of these.
    _MARKS = ("{%", "http", "www.", "网页链接", "@")

    def __init__(self, table: Mapping[int, str | None]) -> None:
        """``table`` is the ``character_table``."""
        self._table = table
        self._changes = numpy.zeros(CODE_POINTS, numpy.bool_)
        self._changes[list(table)] = True

    def normalise(self, texts: Sequence[str]) -> list[str]:
        """Return ``normalise(text, table)`` of each of ``texts``."""
        folded = [text.lower() for text in nfkc_all(texts)]
        joined, ends = "".join(folded), text_ends(folded)
        characters = code_points(joined)
        translated = _texts_at(numpy.flatnonzero(self._changes[characters]), ends)
        for place in translated:
            folded[place] = folded[place].translate(self._table)
        marks = _run_starts(characters).tolist()
        for mark in self._MARKS:
            marks += _occurrences(mark, joined)
        for place in translated | _texts_at(marks, ends):
            folded[place] = _substitute(folded[place])
        return folded


def _texts_at(positions: ArrayLike, ends: NDArray[numpy.int64]) -> set[int]:
    """Return the places of the texts that contain one of ``positions``."""
    return set(numpy.searchsorted(ends, positions, side="right").tolist())


def _run_starts(characters: NDArray[numpy.uint32]) -> NDArray[numpy.int64]:
    """Return the positions where four equal characters begin."""
    pairs = characters[1:] == characters[:-1]
    if len(pairs) < 3:
        return numpy.zeros(0, numpy.int64)
    return numpy.flatnonzero(pairs[:-2] & pairs[1:-1] & pairs[2:])


def _occurrences(part: str, text: str) -> list[int]:
    """Return the positions of ``part`` in ``text``."""
    places = []
    place = text.find(part)
    while place >= 0:
        places.append(place)
        place = text.find(part, place + 1)
    return places
