"""Texts as one array of code points, for operations on many texts at once."""

import sys
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

# The number of code points, lone surrogates included.
CODE_POINTS = sys.maxunicode + 1


def code_points(text: str) -> NDArray[numpy.uint32]:
    """Return the code points of ``text``, which may contain lone surrogates."""
    return numpy.frombuffer(text.encode("utf-32-le", "surrogatepass"), numpy.dtype("<u4"))


def text_ends(texts: Sequence[str]) -> NDArray[numpy.int64]:
    """Return the positions (texts) where ``texts`` end when they are joined."""
    return numpy.fromiter(map(len, texts), numpy.int64, len(texts)).cumsum()
