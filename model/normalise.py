"""Step 1: normalise a text, so that equivalent spellings become equal.

Nothing that carries sentiment is removed: no stop words, negations or emoji.
"""

import re
from collections.abc import Mapping, Sequence

import numpy
from numpy.typing import NDArray

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
    return _substitute(nfkc(text).lower(), table)


def _substitute(text: str, table: Mapping[int, str | None]) -> str:
    """Apply the table and SUBSTITUTIONS to a text in NFKC and lower case."""
    text = text.translate(table)
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
        for place in self._unfinished(folded):
            folded[place] = _substitute(folded[place], self._table)
        return folded

    def _unfinished(self, texts: Sequence[str]) -> list[int]:
        """Return the places of the texts that ``_substitute`` may change."""
        joined = "".join(texts)
        characters = code_points(joined)
        found = [numpy.flatnonzero(self._changes[characters]), _run_starts(characters)]
        found += [_occurrences(mark, joined) for mark in self._MARKS]
        places = numpy.searchsorted(text_ends(texts), numpy.concatenate(found), side="right")
        unfinished: list[int] = numpy.unique(places).tolist()
        return unfinished


def _run_starts(characters: NDArray[numpy.uint32]) -> NDArray[numpy.int64]:
    """Return the positions where four equal characters begin."""
    pairs = characters[1:] == characters[:-1]
    if len(pairs) < 3:
        return numpy.zeros(0, numpy.int64)
    return numpy.flatnonzero(pairs[:-2] & pairs[1:-1] & pairs[2:])


def _occurrences(part: str, text: str) -> NDArray[numpy.int64]:
    """Return the positions of ``part`` in ``text``."""
    places = []
    place = text.find(part)
    while place >= 0:
        places.append(place)
        place = text.find(part, place + 1)
    return numpy.array(places, numpy.int64)
