"""An artifact: the folder that holds a trained model. Never pickle.

``weights.safetensors`` (as ``rounded`` has it), ``vocabulary.txt`` (a word a line), ``simplified.txt`` (traditional
character, tab, simplified one), ``configuration.json``, ``metrics.json`` and ``SHA256SUMS`` over all of these. The
SHA-256 of that last file names the model. The model card ``README.md`` beside them may be corrected without making
another model. What weights and words mean is up to the model's kind (``model.kinds``).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.errors import ArtifactError
from model.kinds import find_kind
from model.ngrams import NONE, Ngrams

SHIPPED = Path(__file__).parent / "artifact"
# What is written, and all that is read. Models of format 1 have the vectors of their words in float16. Those of formats
# 1 and 2 name no kind, since all of them are GRUs, and their sizes are not in an object of their own.
FORMAT = 3
FORMATS = (1, 2, FORMAT)
GRU_SIZES = ("embedding", "hidden")
FILES = ("configuration.json", "metrics.json", "simplified.txt", "vocabulary.txt", "weights.safetensors")
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the weights alone do not say.

    The probability is ``sigmoid(scale * logit + shift)``; it is uncertain within ``uncertain_low .. uncertain_high``.
    ``sizes`` are those of the kind; a GRU's are ``embedding``, the width of a word's vector, and ``hidden``, that of
    the GRU in each direction.
    """

    name: str
    sizes: Mapping[str, int]
    maximum_tokens: int
    scale: float
    shift: float
    uncertain_low: float
    uncertain_high: float
    kind: str = "gru"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model in memory. ``weights``: tensors by their names in ``Network``, float32; ``ngrams`` stand beside the
    network and may be none; ``sha256`` is the identity."""

    configuration: Configuration
    words: Sequence[str]
    simplified: Mapping[str, str]
    metrics: Mapping[str, Any]
    weights: Mapping[str, Any]
    ngrams: Ngrams
    sha256: str


def write_artifact(
    folder: Path,
    configuration: Configuration,
    words: Sequence[str],
    simplified: Mapping[str, str],
    metrics: Mapping[str, Any],
    weights: Mapping[str, Any],
    ngrams: Ngrams = NONE,
) -> str:
    """Write a model into ``folder`` (made if needed); gives its identity, 64 hex digits."""
    from safetensors.torch import save

    from model.quantized import pack

    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "configuration.json": _json(asdict(configuration) | {"format": FORMAT}),
        "metrics.json": _json(metrics),
        "simplified.txt": "".join(f"{old}\t{new}\n" for old, new in sorted(simplified.items())).encode(),
        "vocabulary.txt": "".join(f"{word}\n" for word in words).encode(),
        "weights.safetensors": save(pack(weights, ngrams)),
    }
    sums = "".join(f"{_digest(contents[name])}  {name}\n" for name in FILES).encode()
    for name, content in [*contents.items(), (SUMS, sums)]:
        (folder / name).write_bytes(content)
    return _digest(sums)


def find_artifact(sha256: str, models_dir: Path | None) -> Path:
    """The folder of the model known by ``sha256``: the shipped one, or one of the folders in ``models_dir``.

    Raises ArtifactError when it is in neither place.
    """
    folders = [SHIPPED, *sorted(models_dir.iterdir())] if models_dir and models_dir.is_dir() else [SHIPPED]
    for folder in folders:
        sums = folder / SUMS
        if sums.is_file() and _digest(sums.read_bytes()) == sha256:
            return folder
    place = models_dir or "LIUYAN_MODELS_DIR, which is not set"
    raise ArtifactError(f"The model {sha256[:12]} is neither the shipped one nor in {place}: copy its folder there.")


def read_artifact(folder: Path) -> Artifact:
    """Read the model in ``folder`` and check every file against its sum. Raises ArtifactError with one sentence."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    from model.quantized import unpack

    if not folder.is_dir():
        raise ArtifactError(f"There is no model folder {folder}: make one with `liuyan model train`.")
    sums = _read(folder, SUMS)
    contents = {name: _read(folder, name) for name in FILES}
    expected = "".join(f"{_digest(content)}  {name}\n" for name, content in contents.items()).encode()
    if sums != expected:
        changed = [line for line in expected.split(b"\n") if line not in sums.split(b"\n")]
        name = changed[0].split()[-1].decode() if changed else SUMS
        raise ArtifactError(f"The model in {folder} is damaged: {name} does not match {SUMS}; get it anew.")
    try:
        configuration = _read_configuration(contents["configuration.json"])
        metrics = json.loads(contents["metrics.json"])
        simplified = dict(line.split("\t") for line in contents["simplified.txt"].decode().splitlines())
        words = contents["vocabulary.txt"].decode().removesuffix("\n").split("\n")
        weights, ngrams = unpack(load(contents["weights.safetensors"]))
        artifact = Artifact(configuration, words, simplified, metrics, weights, ngrams, _digest(sums))
        find_kind(configuration.kind).check(artifact)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ArtifactError(f"The model in {folder} cannot be used ({error}): train it anew or get another.") from error
    return artifact


def _read_configuration(content: bytes) -> Configuration:
    fields = json.loads(content)
    if not isinstance(fields, dict) or fields.get("format") not in FORMATS:
        raise ValueError(f"configuration.json is of no format that this Liuyan reads ({', '.join(map(str, FORMATS))})")
    if fields.pop("format") < 3:
        fields["sizes"] = {name: fields.pop(name) for name in GRU_SIZES}
    configuration = Configuration(**fields)
    if not isinstance(configuration.sizes, dict):
        raise ValueError("configuration.json has no object as sizes")
    numbers = ("maximum_tokens", "scale", "shift", "uncertain_low", "uncertain_high")
    for field, value in [*configuration.sizes.items(), *((name, getattr(configuration, name)) for name in numbers)]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"configuration.json has no number as {field}")
    return configuration


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"The model in {folder} is incomplete: {name} cannot be read; get it anew.") from error


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
