"""Normalise a text and map each normalised character to its span in the original.

Only explanations use this; it is slower than ``normalise``. A test checks that both produce the same text.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from model.normalise import SUBSTITUTIONS, normalise

# Maximum number of characters, of both texts together, to compare one by one; this takes a few milliseconds.
LONGEST_COMPARED = 1_000
# Start and end in the original, in code points.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Traced:
    """A normalised text and the span of each of its characters in the original, in ascending order."""

    text: str
    spans: tuple[Span, ...]

    def span(self, start: int, end: int) -> Span:
        """Return the span in the original of the normalised characters ``start .. end`` (at least one)."""
        return self.spans[start][0], self.spans[end - 1][1]


def trace(text: str, table: Mapping[int, str | None]) -> Traced:
    """Normalise ``text`` and find the origin of each character as precisely as possible."""
    traced = _characters(text, table)
    for pattern, replacement in SUBSTITUTIONS:
        traced = _substitute(traced, pattern, replacement)
    normalised = normalise(text, table)
    return traced if traced.text == normalised else _align(text, normalised)


def _characters(text: str, table: Mapping[int, str | None]) -> Traced:
    """Apply NFKC, lower case and the table to each character together with its combining marks."""
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
    """Replace like ``pattern.sub``. The last character of a replacement gets the rest of the match as its span."""
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
    """Align by the longest common pieces, for characters that combine across clusters (Hangul, span marks).

    The comparison takes quadratic time, so the common prefix and suffix are left out.
    """
    before = _common_prefix(text, normalised)
    rest, new_rest = text[before:], normalised[before:]
    after = _common_prefix(rest[::-1], new_rest[::-1])
    if before and len(rest) == after:
        # An inserted character takes the span of the character before it, so keep one.
        before -= 1
        rest, new_rest = text[before:], normalised[before:]
    middle, new_middle = rest[: len(rest) - after], new_rest[: len(new_rest) - after]
    if len(middle) + len(new_middle) <= LONGEST_COMPARED:
        inner = _compare(middle, new_middle)
    else:
        inner = [(0, max(1, len(middle)))] * len(new_middle)
    spans = [
        *_single_characters(0, before),
        *((before + start, before + end) for start, end in inner),
        *_single_characters(len(text) - after, len(text)),
    ]
    return Traced(normalised, tuple(spans))


def _common_prefix(one: str, other: str) -> int:
    """Return the length of the common prefix."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _single_characters(start: int, end: int) -> Iterator[Span]:
    return ((place, place + 1) for place in range(start, end))


def _compare(text: str, normalised: str) -> list[Span]:
    spans: list[Span] = []
    for _, start, end, new_start, new_end in SequenceMatcher(None, text, normalised, autojunk=False).get_opcodes():
        if end - start == new_end - new_start:
            spans += _single_characters(start, end)
        else:
            # An inserted character takes the span of the character before it, or of the first one.
            span = (start, end) if start < end else (max(start - 1, 0), max(start, 1))
            spans += [span] * (new_end - new_start)
    return spans
