"""Normalising with a memory: which characters of the original each character of the normalised text stands for.

For explanations alone: it is slower than ``normalise``, and a test holds the two together.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from model.normalise import SUBSTITUTIONS, normalise

# Characters of both texts together that are compared one by one, in a few milliseconds.
LONGEST_COMPARED = 1_000
# Start and end in the original, in code points.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Traced:
    """A normalised text, and of each of its characters the span in the original; spans never go back."""

    text: str
    spans: tuple[Span, ...]

    def span(self, start: int, end: int) -> Span:
        """What the normalised characters ``start .. end`` (at least one) stand for in the original."""
        return self.spans[start][0], self.spans[end - 1][1]


def trace(text: str, table: Mapping[int, str | None]) -> Traced:
    """What ``normalise`` gives, and where it comes from as far as can be told."""
    traced = _characters(text, table)
    for pattern, replacement in SUBSTITUTIONS:
        traced = _substitute(traced, pattern, replacement)
    normalised = normalise(text, table)
    return traced if traced.text == normalised else _align(text, normalised)


def _characters(text: str, table: Mapping[int, str | None]) -> Traced:
    """NFKC, lower case and the table, a character and the marks that combine with it at a time."""
    pieces: list[str] = []
    spans: list[Span] = []
    for start, end in _clusters(text):
        piece = unicodedata.normalize("NFKC", text[start:end]).lower().translate(table)
        pieces.append(piece)
        spans += [(start, end)] * len(piece)
    return Traced("".join(pieces), tuple(spans))


def _clusters(text: str) -> Iterator[Span]:
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not unicodedata.combining(text[place]):
            yield start, place
            start = place


def _substitute(traced: Traced, pattern: re.Pattern[str], replacement: str) -> Traced:
    """As ``pattern.sub``; the last character of a replacement stands for the rest of what was found."""
    pieces: list[str] = []
    spans: list[Span] = []
    done = 0
    for match in pattern.finditer(traced.text):
        start, end = match.span()
        piece = match.expand(replacement)
        pieces += [traced.text[done:start], piece]
        last = start + len(piece) - 1
        spans += [*traced.spans[done:last], traced.span(last, end)]
        done = end
    return Traced("".join([*pieces, traced.text[done:]]), (*spans, *traced.spans[done:]))


def _align(text: str, normalised: str) -> Traced:
    """Where characters combine across clusters (Hangul, some marks): by the longest pieces in common.

    What both texts begin and end with is left out of the comparison, whose time grows with the square of the length.
    """
    before = _in_common(text, normalised)
    rest, new_rest = text[before:], normalised[before:]
    after = _in_common(rest[::-1], new_rest[::-1])
    if before and len(rest) == after:
        # What seems to come from nowhere needs a character before it.
        before -= 1
        rest, new_rest = text[before:], normalised[before:]
    middle, new_middle = rest[: len(rest) - after], new_rest[: len(new_rest) - after]
    if len(middle) + len(new_middle) <= LONGEST_COMPARED:
        inner = _compare(middle, new_middle)
    else:
        inner = [(0, max(1, len(middle)))] * len(new_middle)
    spans = [
        *_one_each(0, before),
        *((before + start, before + end) for start, end in inner),
        *_one_each(len(text) - after, len(text)),
    ]
    return Traced(normalised, tuple(spans))


def _in_common(one: str, other: str) -> int:
    """How many characters both begin with."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _one_each(start: int, end: int) -> Iterator[Span]:
    return ((place, place + 1) for place in range(start, end))


def _compare(text: str, normalised: str) -> list[Span]:
    spans: list[Span] = []
    for _, start, end, new_start, new_end in SequenceMatcher(None, text, normalised, autojunk=False).get_opcodes():
        if end - start == new_end - new_start:
            spans += _one_each(start, end)
        else:
            # What seems to come from nowhere stands for the character before it, or for the first one.
            some = (start, end) if start < end else (max(start - 1, 0), max(start, 1))
            spans += [some] * (new_end - new_start)
    return spans
