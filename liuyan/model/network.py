"""The network as it is trained: embedding, bidirectional GRU, pooling over the valid steps, one logit."""

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


class Network(nn.Module):
    """Logit of positive for a batch of texts."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.words, shape.embedding)
        self.gru = nn.GRU(shape.embedding, shape.hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(4 * shape.hidden, 1)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, numbers: Tensor, lengths: Tensor) -> Tensor:
        """``numbers`` int64 (texts, steps), padded behind a text's end; ``lengths`` int64 (texts); logits (texts)."""
        packed = pack_padded_sequence(self.embedding(numbers), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=numbers.shape[1])
        valid = (torch.arange(numbers.shape[1]) < lengths[:, None])[:, :, None]
        maximum = states.masked_fill(~valid, -1.0).amax(1)  # a state lies within -1 .. 1
        return self._pool(maximum, states.sum(1) / lengths[:, None])  # packing leaves zeros behind the end

    def forward_equal(self, numbers: Tensor) -> Tensor:
        """Logits of texts that are all of one length: nothing to pack, which makes training several times as fast."""
        states, _ = self.gru(self.dropout(self.embedding(numbers)))
        return self._pool(states.amax(1), states.mean(1))

    def _pool(self, maximum: Tensor, mean: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(torch.cat([maximum, mean], 1)))
        return logits[:, 0]


def pad(texts: list[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Word numbers as the padded matrix (texts, steps) and the lengths that ``Network`` takes."""
    lengths = torch.tensor([len(text) for text in texts])
    numbers = torch.zeros(len(texts), int(lengths.max()), dtype=torch.int64)
    for row, text in zip(numbers, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    return numbers, lengths
