"""The shipped network as its user would run it: rjieba, a dictionary, and `nn.GRU` or ONNX Runtime.

Texts are labelled in order of length, in chunks of the engine's fastest size, so that little is computed on padding.
The n-grams of the shipped model are left out, which saves the peers their cost.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import rjieba
from numpy.typing import NDArray

Array = NDArray[Any]
Forward = Callable[[Array, Array], Array]

# The fastest of 16, 32, 64, 128, 256 and 512 on one core.
CHUNKS = {"torch": 64, "onnx": 32}
_URL, _MENTION = "\ue000", "\ue001"
_INVISIBLE = [0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400), 0xE000, 0xE001]
_LINK = re.compile(r"(?:https?://|www\.)[\x21-\x7e]+|网页链接")
_NAME = re.compile(r"@[\w\-]{2,30}(?=[\s:,。!?@/]|$)")
_RUN = re.compile(r"([^\d\s])\1{3,}")
_EMOTICON = re.compile(r"(\[[a-z\u4e00-\u9fff]{1,8}\])")


class Sentiment:
    """Probabilities of texts. ``engine`` is ``torch`` or ``onnx``; ``folder`` is what ``export`` wrote."""

    def __init__(self, folder: Path, engine: str) -> None:
        configuration = json.loads((folder / "configuration.json").read_text())
        self._maximum = configuration["maximum_tokens"]
        self._scale, self._shift = configuration["scale"], configuration["shift"]
        words = (folder / "vocabulary.txt").read_text().split("\n")
        self._numbers = {word: number for number, word in enumerate(words)}
        lines = (folder / "simplified.txt").read_text().splitlines()
        self._table: dict[int, str | None] = {ord(old): new for old, new in (line.split("\t") for line in lines)}
        self._table.update(dict.fromkeys(_INVISIBLE))
        self._forward = _torch(folder) if engine == "torch" else _onnx(folder)
        self._chunk = CHUNKS[engine]

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """Return the probability of positive for each text."""
        numbers = [self.numbers(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(numbers[place]))
        logits = numpy.empty(len(texts), numpy.float64)
        for start in range(0, len(order), self._chunk):
            places = order[start : start + self._chunk]
            logits[places] = self._forward(*_pad([numbers[place] for place in places]))
        probabilities: list[float] = (1 / (1 + numpy.exp(-self._scale * logits - self._shift))).tolist()
        return probabilities

    def numbers(self, text: str) -> list[int]:
        """Return the word numbers of a text."""
        text = unicodedata.normalize("NFKC", text).lower().translate(self._table)
        text = _NAME.sub(_MENTION, _LINK.sub(_URL, text.replace("{%", " ").replace("%}", " ")))
        text = _RUN.sub(r"\1\1\1", text)
        numbers: list[int] = []
        for word in _cut(text):
            number = self._numbers.get(word)
            numbers.extend(self._spell(word) if number is None else (number,))
        if len(numbers) > self._maximum:
            head = self._maximum // 2
            numbers = numbers[:head] + numbers[head - self._maximum :]
        return numbers or [0]

    def _spell(self, word: str) -> list[int]:
        if word.isspace():
            return []
        if word.isascii():
            return [1 if word[0].isdigit() else 0]
        return [self._numbers[character] for character in word if character in self._numbers] or [0]


def _cut(text: str) -> list[str]:
    if "[" not in text:
        words: list[str] = rjieba.cut(text, False)
        return words
    return [
        word
        for place, part in enumerate(_EMOTICON.split(text))
        for word in ([part] if place % 2 else rjieba.cut(part, False))
    ]


def _pad(texts: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    lengths = numpy.array([len(text) for text in texts])
    numbers = numpy.zeros((len(texts), int(lengths.max())), numpy.int64)
    for row, text in zip(numbers, texts, strict=True):
        row[: len(text)] = text
    return numbers, lengths


def _onnx(folder: Path) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "network.onnx", options, providers=["CPUExecutionProvider"])

    def forward(numbers: Array, lengths: Array) -> Array:
        (logits,) = session.run(["logits"], {"numbers": numbers, "lengths": lengths})
        return numpy.asarray(logits)

    return forward


def _torch(folder: Path) -> Forward:
    import torch
    from torch import Tensor, nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.set_num_threads(1)
    weights = {name: torch.from_numpy(array) for name, array in numpy.load(folder / "network.npz").items()}

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            words, width = weights["embedding.weight"].shape
            hidden = weights["gru.weight_hh_l0"].shape[1]
            self.embedding = nn.Embedding(words, width)
            self.gru = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
            self.output = nn.Linear(4 * hidden, 1)

        def forward(self, numbers: Tensor, lengths: Tensor) -> Tensor:
            packed = pack_padded_sequence(self.embedding(numbers), lengths, batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
            inside = (torch.arange(states.shape[1]) < lengths[:, None])[:, :, None]
            maximum = states.masked_fill(~inside, -1.0).amax(1)
            logits: Tensor = self.output(torch.cat([maximum, states.sum(1) / lengths[:, None]], 1))
            return logits[:, 0]

    network = Network().eval()
    network.load_state_dict(weights)

    @torch.inference_mode()
    def forward(numbers: Array, lengths: Array) -> Array:
        return numpy.asarray(network(torch.from_numpy(numbers), torch.from_numpy(lengths)))

    return forward
