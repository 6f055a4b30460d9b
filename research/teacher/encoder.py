"""BERT's encoder in PyTorch, with one logit from the mean of its last states."""

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, scaled_dot_product_attention

from research.teacher.pretrained import Pretrained, Sizes


class Layer(nn.Module):
    """Attention and two dense layers, each followed by a residual connection and a norm."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.heads = sizes.heads
        self.epsilon = sizes.epsilon
        self.inputs = nn.Linear(sizes.width, 3 * sizes.width)
        self.outputs = nn.Linear(sizes.width, sizes.width)
        self.norm = nn.LayerNorm(sizes.width, sizes.epsilon)
        self.inner = nn.Linear(sizes.width, sizes.inner)
        self.outer = nn.Linear(sizes.inner, sizes.width)
        self.last_norm = nn.LayerNorm(sizes.width, sizes.epsilon)

    def forward(self, states: Tensor) -> Tensor:
        """Return new states, shaped like ``states`` (texts, tokens, width). Texts have equal lengths: no mask."""
        texts, steps, width = states.shape
        split = self.inputs(states).view(texts, steps, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = _attend(query, key, value).transpose(1, 2).reshape(texts, steps, width)
        states = self.norm(states + self.dropout(self.outputs(mixed)))
        result: Tensor = self.last_norm(states + self.dropout(self.outer(gelu(self.inner(states)))))
        return result


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return the attention of tensors (texts, heads, tokens, width of a head)."""
    if query.is_cuda:
        return scaled_dot_product_attention(query, key, value)
    # A third faster than scaled_dot_product_attention, whose gradient is slow on CPUs.
    return torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1) @ value


class Encoder(nn.Module):
    """Compute logits for texts of equal length."""

    def __init__(self, sizes: Sizes, words: Tensor, learns_words: bool = False, dropout: float = 0.0) -> None:
        """``words`` (vocabulary, width) are token embeddings.

        Unless ``learns_words`` is set, token and position embeddings are not trained. ``dropout`` is the dropout rate.
        """
        super().__init__()
        self.sizes = sizes
        self.words: Tensor
        self.positions: Tensor
        positions = torch.zeros(sizes.longest, sizes.width)
        if learns_words:
            self.words, self.positions = nn.Parameter(words.clone()), nn.Parameter(positions)
        else:
            self.register_buffer("words", words, persistent=False)
            self.register_buffer("positions", positions)
        self.norm = nn.LayerNorm(sizes.width, sizes.epsilon)
        self.layers = nn.ModuleList(Layer(sizes, dropout) for _ in range(sizes.layers))
        self.output = nn.Linear(sizes.width, 1)

    def mean(self, numbers: Tensor) -> Tensor:
        """Return the mean of the last states (texts, width) for token numbers (texts, tokens)."""
        # Not self.words[numbers], whose gradient is slow for frequent tokens.
        states = self.norm(embedding(numbers, self.words) + self.positions[: numbers.shape[1]])
        for layer in self.layers:
            states = layer(states)
        mean: Tensor = states.mean(1)
        return mean

    def forward(self, numbers: Tensor) -> Tensor:
        """Return logits (texts) for token numbers (texts, tokens)."""
        logits: Tensor = self.output(self.mean(numbers))
        return logits[:, 0]


def build_encoder(pretrained: Pretrained, learns_words: bool = False, dropout: float = 0.0) -> Encoder:
    """Build the pretrained encoder with an untrained output layer."""
    encoder = Encoder(pretrained.sizes, pretrained.words, learns_words, dropout)
    output = {"output.weight": torch.zeros(1, pretrained.sizes.width), "output.bias": torch.zeros(1)}
    shapes = encoder.state_dict()
    state = {name: tensor.view_as(shapes[name]) for name, tensor in pretrained.state.items()}
    words = {"words": pretrained.words} if learns_words else {}
    encoder.load_state_dict(state | output | words)
    return encoder
