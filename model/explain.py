"""Compute the contribution of each word of a comment: how far the logit falls without it.

The n-gram logit is recomputed without each word, which is cheap. The network would need a forward pass for each word.
Instead, every word gets a presence of 1, which scales how far its step moves the state; a presence of 0 leaves the word
out. The gradient by presence from one pass estimates all contributions. Four more passes leave out the four most
important words and replace their estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from model.inference import BASE_2, InferenceNetwork, gate
from model.kernel import Floats, Gates
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
    logit, slopes = network.bias, []
    for gates, order in ((network.forward, numbers), (network.backward, numbers[::-1])):
        reading = _read(gates, numpy.array(order))
        pooled = numpy.stack([reading.states.max(0), reading.states.mean(0)])
        logit += float((pooled * gates.output).sum())
        slopes.append(_presence_slopes(gates, reading))
    forward, backward = slopes
    return logit, (forward + backward[::-1]).tolist()


@dataclass(frozen=True, slots=True)
class _Reading:
    """The values of every step of one text: states before and after it, gates and the state's part of the candidate,
    each (steps, hidden)."""

    before: Floats
    states: Floats
    reset: Floats
    update: Floats
    candidate: Floats
    own: Floats


def _read(gates: Gates, words: NDArray[numpy.int64]) -> _Reading:
    """Read one text. The states equal those of ``InferenceNetwork``."""
    hidden = len(gates.bias)
    state = numpy.full(hidden, 0.5, numpy.float32)
    steps = []
    for given in gates.table[words]:
        product = state @ gates.recurrent
        reset, update = numpy.split(gate(given[: 2 * hidden] + product[: 2 * hidden]), 2)
        own = product[2 * hidden :] + gates.bias
        candidate = gate(given[2 * hidden :] + reset * own)
        after = candidate + update * (state - candidate)
        steps.append((state, after, reset, update, candidate, own))
        state = after
    return _Reading(*(numpy.stack(values) for values in zip(*steps, strict=True)))


def _presence_slopes(gates: Gates, reading: _Reading) -> Floats:
    """Return the derivatives (steps) of the logit by the presence p of each step, at p = 1: backpropagation.

    With presence, a step is s + p (s' - s), and the mean of the states is weighted by p.
    """
    by_largest, by_mean = gates.output
    steps = len(reading.states)
    by_state = numpy.tile(by_mean / steps, (steps, 1))
    by_state[reading.states.argmax(0), numpy.arange(len(by_largest))] += by_largest
    slopes = (reading.states - reading.states.mean(0)) @ by_mean / steps
    passed = numpy.zeros_like(by_mean)
    for step in range(steps - 1, -1, -1):
        before, after, reset, update, candidate, own = (getattr(reading, name)[step] for name in reading.__slots__)
        slope = by_state[step] + passed
        slopes[step] += slope @ (after - before)
        by_candidate = slope * (1 - update) * _gate_slope(candidate)
        by_update = slope * (before - candidate) * _gate_slope(update)
        by_reset = by_candidate * own * _gate_slope(reset)
        by_gates = numpy.concatenate([by_reset, by_update, by_candidate * reset])
        passed = slope * update + gates.recurrent @ by_gates
    result: Floats = slopes
    return result


def _gate_slope(values: Floats) -> Floats:
    """Return the derivatives of gates by their inputs, given the ``values`` of the gates."""
    slopes: Floats = values * (1 - values) / BASE_2
    return slopes
