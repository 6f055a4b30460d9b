"""Split a text into words with their positions in the original, for explanations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from model.segment import segment
from model.trace import Span, trace
from model.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the original text with its word numbers and normalised characters.

    Pieces in the middle of a text that is too long have no numbers.
    """

    span: Span
    numbers: tuple[int, ...]
    characters: str


def cut_pieces(text: str, table: Mapping[int, str | None], vocabulary: Vocabulary) -> list[Piece]:
    """Return the words of ``text`` in order. Their numbers together equal ``Vocabulary.look_up``.

    Words from one original character (㍿) form one piece.
    """
    traced = trace(text, table)
    pieces: list[Piece] = []
    place = 0
    for word in segment(traced.text):
        start, place = place, place + len(word)
        numbers = tuple(vocabulary.numbers(word))
        if not numbers:
            continue
        span = traced.span(start, place)
        if pieces and span[0] < pieces[-1].span[1]:
            before = pieces.pop()
            span, numbers = (before.span[0], max(span[1], before.span[1])), (*before.numbers, *numbers)
            word = before.characters + word
        pieces.append(Piece(span, numbers, word))
    return _shorten(pieces, vocabulary.maximum_tokens)


def _shorten(pieces: list[Piece], maximum_tokens: int) -> list[Piece]:
    """Drop the numbers in the middle of a text that is too long, as ``Vocabulary.look_up`` does."""
    total = sum(len(piece.numbers) for piece in pieces)
    if total <= maximum_tokens:
        return pieces
    head = maximum_tokens // 2
    tail = total - (maximum_tokens - head)
    shortened = []
    place = 0
    for piece in pieces:
        numbers = tuple(n for at, n in enumerate(piece.numbers, place) if at < head or at >= tail)
        place += len(piece.numbers)
        shortened.append(replace(piece, numbers=numbers))
    return shortened
