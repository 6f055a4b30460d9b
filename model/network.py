"""The network as it is trained: embedding, bidirectional GRU, pooling over the valid steps, one logit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network: words in the vocabulary, width of a word's vector, width of the GRU in one direction."""

    words: int
    embedding: int
    hidden: int


# Standard deviation of the numbers in a word's vector when training begins.
DEVIATION = 0.1


class ComposedEmbedding(nn.Module):
    """A word's vector in training: its own plus the mean of its characters', so that rare words learn from others."""

    LONGEST = 4

    def __init__(self, words: Sequence[str], width: int) -> None:
        super().__init__()
        characters = sorted({character for word in words for character in word})
        places = {character: place for place, character in enumerate(characters, start=1)}
        spelling = torch.zeros(len(words), self.LONGEST, dtype=torch.int64)
        for row, word in zip(spelling, words, strict=True):
            spelled = [places[character] for character in word[: self.LONGEST]]
            row[: len(spelled)] = torch.tensor(spelled)
        self.spelling: Tensor
        self.register_buffer("spelling", spelling, persistent=False)
        self.own = nn.Embedding(len(words), width)
        self.characters = nn.EmbeddingBag(len(characters) + 1, width, mode="mean", padding_idx=0)
        nn.init.normal_(self.own.weight, std=DEVIATION)
        nn.init.normal_(self.characters.weight, std=DEVIATION)

    def forward(self, numbers: Tensor) -> Tensor:
        """Vectors (..., width) of word numbers (...)."""
        composed: Tensor = self.characters(self.spelling[numbers].view(-1, self.LONGEST))
        vectors: Tensor = self.own(numbers) + composed.view(*numbers.shape, -1)
        return vectors


def embed(words: Sequence[str], width: int, composed: bool) -> nn.Module:
    """The embedding to train with: composed of characters' vectors too, or each word's own alone."""
    if composed:
        return ComposedEmbedding(words, width)
    plain = nn.Embedding(len(words), width)
    nn.init.normal_(plain.weight, std=DEVIATION)
    return plain


class Network(nn.Module):
    """Logit of positive for a batch of texts. Trained with ``ComposedEmbedding``, kept and served with a plain one."""

    def __init__(self, shape: Shape, dropout: float = 0.0, embedding: nn.Module | None = None, hints: int = 0) -> None:
        """``hints`` is the width of the vectors that it guesses in training beside the logit; 0 guesses none."""
        super().__init__()
        self.shape = shape
        self.embedding = embedding or nn.Embedding(shape.words, shape.embedding)
        self.gru = nn.GRU(shape.embedding, shape.hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(4 * shape.hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.hint = nn.Linear(4 * shape.hidden, hints) if hints else None

    def forward(self, numbers: Tensor, lengths: Tensor) -> Tensor:
        """``numbers`` int64 (texts, steps), padded behind a text's end; ``lengths`` int64 (texts); logits (texts)."""
        packed = pack_padded_sequence(self.embedding(numbers), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=numbers.shape[1])
        valid = (torch.arange(numbers.shape[1]) < lengths[:, None])[:, :, None]
        maximum = states.masked_fill(~valid, -1.0).amax(1)  # a state lies within -1 .. 1
        mean = states.sum(1) / lengths[:, None]  # packing leaves zeros behind the end
        return self._judge(torch.cat([maximum, mean], 1))

    def forward_equal(self, numbers: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of texts that are all of one length, and the vectors (texts, hints) that it guesses for them.

        There is nothing to pack, which makes training several times as fast.
        """
        states, _ = self.gru(self.dropout(self.embedding(numbers)))
        pooled = self.dropout(torch.cat([states.amax(1), states.mean(1)], 1))
        return self._judge(pooled), self.hint(pooled) if self.hint else None

    @torch.no_grad()
    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Take the ``plain_weights`` of a network as wide or narrower; characters add nothing at first."""
        weights = widen(weights, self.state_dict())
        self.begin_with_words(weights["embedding.weight"])
        others = {name: tensor for name, tensor in weights.items() if not name.startswith("embedding.")}
        self.load_state_dict(others, strict=False)

    @torch.no_grad()
    def begin_with_words(self, vectors: Tensor) -> None:
        """Take ``vectors`` (words, width) as those of the words; characters add nothing at first."""
        if isinstance(self.embedding, ComposedEmbedding):
            self.embedding.own.weight.copy_(vectors)
            self.embedding.characters.weight.zero_()
        else:
            self.embedding.load_state_dict({"weight": vectors})

    @torch.no_grad()
    def plain_weights(self) -> dict[str, Tensor]:
        """The weights of the same network with a plain embedding, one vector a word, and without guesses of hints, on
        the processor."""
        kept = ("gru.", "output.")
        weights = {name: tensor.cpu() for name, tensor in self.state_dict().items() if name.startswith(kept)}
        numbers = torch.arange(self.shape.words, device=self.output.weight.device)
        return {"embedding.weight": self.embedding(numbers).cpu(), **weights}

    def _judge(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.output(pooled)
        return logits[:, 0]


def widen(weights: Mapping[str, Tensor], wider: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``weights`` of a network in the place of the first units of each block of a ``wider`` one, which says the same.

    Old units hear nothing of the new ones, nor does the output, at first: they have to learn what they are good for.
    """
    hidden = weights["gru.weight_hh_l0"].shape[1]
    width = wider["gru.weight_hh_l0"].shape[1]
    widened = {"embedding.weight": weights["embedding.weight"]}
    for name, new in wider.items():
        if name == "output.weight":
            blocks = torch.zeros(4, width)
            blocks[:, :hidden] = weights[name].view(4, hidden)
            widened[name] = blocks.view(1, -1)
        elif name.startswith("gru."):
            gates = new.clone().view(3, width, -1)
            old = weights[name].view(3, hidden, -1)
            gates[:, :hidden] = 0
            gates[:, :hidden, : old.shape[2]] = old
            widened[name] = gates.view_as(new)
        elif name == "output.bias":
            widened[name] = weights[name]
    return widened


def pad(texts: list[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Word numbers as the padded matrix (texts, steps) and the lengths that ``Network`` takes."""
    lengths = torch.tensor([len(text) for text in texts])
    numbers = torch.zeros(len(texts), int(lengths.max()), dtype=torch.int64)
    for row, text in zip(numbers, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    return numbers, lengths
