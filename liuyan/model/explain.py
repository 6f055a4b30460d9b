"""What each word of a comment contributed: how far the logit falls when the word is left out.

What the n-grams add to the logit is computed again without each word, which costs little. The network would need a
forward pass for each. There every word gets a presence of 1, which says how far its step moves the state; at presence 0
the word is as good as left out. One pass with its gradient by presence tells what all words are worth at once, and four
more passes leave out the four most important ones and correct their figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from liuyan.model.folded import Direction, FoldedNetwork
from liuyan.model.ngrams import NgramTable
from liuyan.model.segment import segment
from liuyan.model.trace import Span, trace
from liuyan.model.vocabulary import Vocabulary, shorten

# Words that are left out for certain; with the pass for the gradient this makes five.
LEFT_OUT = 4


@dataclass(frozen=True, slots=True)
class Word:
    """A piece ``start .. end`` (in code points) of the original text; ``contribution`` is above 0 where it speaks for
    positive: the calibrated logit falls by about so much when the piece is left out."""

    text: str
    start: int
    end: int
    contribution: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the original, the numbers of the words that the network reads it as, and their characters.

    In the middle of a text that is too long there are no numbers.
    """

    span: Span
    numbers: tuple[int, ...]
    characters: str


def cut_pieces(text: str, table: Mapping[int, str | None], vocabulary: Vocabulary) -> list[Piece]:
    """The words of ``text`` in order with their places in it; together they are what ``Vocabulary.look_up`` gives.

    Words out of one character (㍿) are one piece.
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
    """Head and tail of what is too long, as ``Vocabulary.look_up`` keeps them."""
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


def contributions(
    network: FoldedNetwork, ngrams: NgramTable, pieces: Sequence[Piece], maximum_tokens: int
) -> tuple[float, list[float]]:
    """The logit of the whole, and by how much it falls without each of ``pieces``: five forward passes at most.

    Without a piece that has no numbers it falls by nothing.
    """
    logit, by_number = _slopes(network, [number for piece in pieces for number in piece.numbers] or [0])
    added, lost = _ngram_falls(ngrams, pieces, maximum_tokens)
    fall = []
    place = 0
    for piece in pieces:
        fall.append(sum(by_number[place : place + len(piece.numbers)]))
        place += len(piece.numbers)
    top = sorted(range(len(fall)), key=lambda place: -abs(fall[place] + lost[place]))[:LEFT_OUT]
    for place, without in zip(top, network.logits([_without(pieces, one) for one in top]).tolist(), strict=True):
        fall[place] = logit - without
    return logit + added, [sum(both) for both in zip(fall, lost, strict=True)]


def _ngram_falls(ngrams: NgramTable, pieces: Sequence[Piece], maximum_tokens: int) -> tuple[float, list[float]]:
    """What the n-grams of the whole add to its logit, and by how much that falls without each of ``pieces``."""
    whole = "".join(piece.characters for piece in pieces)
    texts = [whole]
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece.characters)
        if piece.numbers:
            texts.append(whole[:start] + whole[end:])
    added, *without = ngrams.logits([shorten(text, maximum_tokens) for text in texts]).tolist()
    logits = iter(without)
    return added, [added - next(logits) if piece.numbers else 0.0 for piece in pieces]


def _without(pieces: Sequence[Piece], left_out: int) -> tuple[int, ...]:
    numbers = [number for place, piece in enumerate(pieces) if place != left_out for number in piece.numbers]
    return tuple(numbers) or (0,)


def _slopes(network: FoldedNetwork, numbers: Sequence[int]) -> tuple[float, list[float]]:
    """The logit, and its derivative by the presence of each word number."""
    with torch.inference_mode(False), torch.enable_grad():
        presence = torch.ones(len(numbers), requires_grad=True)
        words = torch.tensor(numbers)
        forward = _states(network.forward, words, presence)
        backward = _states(network.backward, words.flip(0), presence.flip(0))
        means = [presence @ forward / presence.sum(), presence.flip(0) @ backward / presence.sum()]
        pooled = torch.cat([forward.amax(0), backward.amax(0), *means])
        logit = (2 * pooled - 1) @ network.output.clone() + network.output_bias.clone()
        (slopes,) = torch.autograd.grad(logit, presence)
    return logit.item(), slopes.tolist()


def _states(direction: Direction, words: Tensor, presence: Tensor) -> Tensor:
    """The states (steps, hidden) of one text, as ``Direction.run`` computes them where every presence is 1."""
    hidden = direction.hidden
    inputs, recurrent, bias = direction.table[words].clone(), direction.recurrent.clone(), direction.bias.clone()
    state = torch.full((hidden,), 0.5)
    states = []
    for step, shown in zip(inputs, presence, strict=True):
        gates = state @ recurrent + bias
        reset, update = (step[: 2 * hidden] + gates[: 2 * hidden]).sigmoid().split(hidden)
        candidate = (step[2 * hidden :] + reset * gates[2 * hidden :]).sigmoid()
        state = state + shown * (torch.lerp(candidate, state, update) - state)
        states.append(state)
    return torch.stack(states)
