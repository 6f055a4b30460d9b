"""Encoders that others trained on text without labels, as ours begin with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from model.normalise import MENTION, URL

# What an address and a mention become: no encoder knows the private characters that they are to the GRU.
PLACEHOLDERS = {ord(URL): " http ", ord(MENTION): " @ "}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Width of a vector, layers, heads, width between, vocabulary, longest text in pieces, epsilon of the norms; the
    number of the piece that stands for one that is not shown."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    longest: int
    epsilon: float
    mask: int


class Reader(Protocol):
    """Cuts texts into pieces."""

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The numbers of each text's pieces between begin and end."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """``words`` (vocabulary, width) are the vectors of the pieces, ``state`` the weights by their names in
    ``Encoder``, all but those of its output; ``reader`` gives a reader that bounds the pieces of a text, begin and end
    included: longer ones keep their head and tail."""

    sizes: Sizes
    words: Tensor
    state: Mapping[str, Tensor]
    reader: Callable[[int], Reader]
