"""The interface of pretrained encoders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from model.normalise import MENTION, URL

# Replacements of the GRU's private use placeholders, which encoders do not know.
PLACEHOLDERS = {ord(URL): " http ", ord(MENTION): " @ "}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of an encoder.

    ``inner`` is the width of the inner dense layer, ``longest`` the maximum number of tokens, ``epsilon`` that of the
    norms, and ``mask`` the number of the mask token.
    """

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    longest: int
    epsilon: float
    mask: int


class Reader(Protocol):
    """Tokenizes texts."""

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token numbers of each text, with start and end tokens."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A pretrained encoder.

    ``words`` (vocabulary, width) are token embeddings. ``state`` has the weights by their names in ``Encoder``, without
    the output layer. ``reader`` takes the maximum number of tokens, including start and end; longer texts keep their
    head and tail.
    """

    sizes: Sizes
    words: Tensor
    state: Mapping[str, Tensor]
    reader: Callable[[int], Reader]
