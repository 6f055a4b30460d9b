"""The network for training: embedding, bidirectional GRU, pooling over the valid steps, one logit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from model.kernel import Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network: words in the vocabulary, width of a word vector, width of the GRU in one direction."""

    words: int
    embedding: int
    hidden: int


# Standard deviation of the initial word vectors.
DEVIATION = 0.1


class ComposedEmbedding(nn.Module):
    """Word vectors in training: a word's own vector plus the mean of its characters' vectors.

    Rare words thus learn from other words with the same characters.
    """

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
        """Return vectors (..., width) of word numbers (...)."""
        composed: Tensor = self.characters(self.spelling[numbers].view(-1, self.LONGEST))
        vectors: Tensor = self.own(numbers) + composed.view(*numbers.shape, -1)
        return vectors


def embed(words: Sequence[str], width: int, composed: bool) -> nn.Module:
    """Create the embedding for training, with or without character vectors."""
    if composed:
        return ComposedEmbedding(words, width)
    plain = nn.Embedding(len(words), width)
    nn.init.normal_(plain.weight, std=DEVIATION)
    return plain


class Network(nn.Module):
    """Compute logits for a batch of texts. The network is trained with ``ComposedEmbedding`` and stored with a plain
    embedding."""

    def __init__(self, shape: Shape, dropout: float = 0.0, embedding: nn.Module | None = None, hints: int = 0) -> None:
        """``hints`` is the width of the hint vectors that it also predicts in training; 0 for none."""
        super().__init__()
        self.shape = shape
        self.embedding = embedding or nn.Embedding(shape.words, shape.embedding)
        self.gru = nn.GRU(shape.embedding, shape.hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(4 * shape.hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.hint = nn.Linear(4 * shape.hidden, hints) if hints else None

    def forward(self, numbers: Tensor, lengths: Tensor) -> Tensor:
        """Return logits (texts).

        ``numbers`` are word numbers, int64 (texts, steps), padded at the end; ``lengths`` are int64 (texts).
        """
        packed = pack_padded_sequence(self.embedding(numbers), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=numbers.shape[1])
        valid = (torch.arange(numbers.shape[1]) < lengths[:, None])[:, :, None]
        maximum = states.masked_fill(~valid, -1.0).amax(1)  # a state lies within -1 .. 1
        mean = states.sum(1) / lengths[:, None]  # packing leaves zeros after the end
        return self._output_logits(torch.cat([maximum, mean], 1))

    def forward_equal(self, numbers: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return logits and predicted hints (texts, hints) of texts of equal length.

        Equal lengths need no packing, which makes training several times as fast.
        """
        states, _ = self.gru(self.dropout(self.embedding(numbers)))
        pooled = self.dropout(torch.cat([states.amax(1), states.mean(1)], 1))
        return self._output_logits(pooled), self.hint(pooled) if self.hint else None

    @torch.no_grad()
    def load_initial_weights(self, initial: Mapping[str, Floats]) -> None:
        """Start from the ``stored_weights`` of a network of at most this width. Character vectors start at 0."""
        weights = widen({name: torch.tensor(one) for name, one in initial.items()}, self.state_dict())
        self.load_initial_vectors(weights["embedding.weight"])
        others = {name: tensor for name, tensor in weights.items() if not name.startswith("embedding.")}
        self.load_state_dict(others, strict=False)

    @torch.no_grad()
    def load_initial_vectors(self, vectors: Tensor) -> None:
        """Start from word ``vectors`` (words, width). Character vectors start at 0."""
        if isinstance(self.embedding, ComposedEmbedding):
            self.embedding.own.weight.copy_(vectors)
            self.embedding.characters.weight.zero_()
        else:
            self.embedding.load_state_dict({"weight": vectors})

    @torch.no_grad()
    def plain_weights(self) -> dict[str, Tensor]:
        """Return the weights, on the CPU, of the equivalent network with one vector per word and without hints."""
        kept = ("gru.", "output.")
        weights = {name: tensor.cpu() for name, tensor in self.state_dict().items() if name.startswith(kept)}
        numbers = torch.arange(self.shape.words, device=self.output.weight.device)
        return {"embedding.weight": self.embedding(numbers).cpu(), **weights}

    def stored_weights(self) -> dict[str, Floats]:
        """Return the ``plain_weights`` as arrays, as in an artifact."""
        return {name: tensor.detach().numpy() for name, tensor in self.plain_weights().items()}

    def _output_logits(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.output(pooled)
        return logits[:, 0]


def widen(weights: Mapping[str, Tensor], wider: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy ``weights`` into the first units of each block of a ``wider`` network. The logits do not change.

    The weights from new units to old ones and to the output start at 0.
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
    """Return word numbers as a padded matrix (texts, steps), and the lengths."""
    lengths = torch.tensor([len(text) for text in texts])
    numbers = torch.zeros(len(texts), int(lengths.max()), dtype=torch.int64)
    for row, text in zip(numbers, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    return numbers, lengths
