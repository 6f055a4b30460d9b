"""Compute the contribution of each word of a comment: how far the logit falls without it.

The n-gram logit is recomputed without each word, which is cheap. The network would need a forward pass for each word.
Instead, every word gets a presence of 1, which scales how far its step moves the state; a presence of 0 leaves the word
out. The gradient by presence from one pass estimates all contributions. Four more passes leave out the four most
important words and replace their estimates.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.inference import Direction, InferenceNetwork
from model.ngrams import NgramTable
from model.pieces import Piece
from model.vocabulary import shorten

# Words whose contribution is measured exactly, one forward pass each, besides the pass for the gradient.
LEFT_OUT = 4


def contributions(
    network: InferenceNetwork, ngrams: NgramTable, pieces: Sequence[Piece], maximum_tokens: int
) -> tuple[float, list[float]]:
    """Return the logit of the text and how far it falls without each of ``pieces``, in at most five forward passes.

    A piece without numbers contributes 0.
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
    """Return the n-gram logit of the text and how far it falls without each of ``pieces``."""
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


def _slopes(network: InferenceNetwork, numbers: Sequence[int]) -> tuple[float, list[float]]:
    """Return the logit and its derivative by the presence of each word number."""
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
    """Return the states (steps, hidden) of one text. They equal those of ``Direction.run`` if every presence is 1."""
    hidden = direction.hidden
    inputs, recurrent, bias = direction.inputs(words), direction.recurrent.clone(), direction.bias.clone()
    state = torch.full((hidden,), 0.5)
    states = []
    for step, shown in zip(inputs, presence, strict=True):
        gates = state @ recurrent + bias
        reset, update = (step[: 2 * hidden] + gates[: 2 * hidden]).sigmoid().split(hidden)
        candidate = (step[2 * hidden :] + reset * gates[2 * hidden :]).sigmoid()
        state = state + shown * (torch.lerp(candidate, state, update) - state)
        states.append(state)
    return torch.stack(states)
