"""Read and write artifacts: folders with a trained model. Nothing is pickled.

An artifact contains ``weights.safetensors`` (see ``quantized``), ``vocabulary.txt`` (one word per line),
``simplified.txt`` (traditional character, tab, simplified character), ``configuration.json``, ``metrics.json`` and
``SHA256SUMS`` over all of these. The SHA-256 of ``SHA256SUMS`` identifies the model. The model card ``README.md`` is
not part of the identity and may be corrected. The model's kind (``model.kinds``) defines what weights and words mean.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.errors import ArtifactError
from model.kinds import find_kind
from model.ngrams import NONE, Ngrams

SHIPPED = Path(__file__).parent / "artifact"
# The format written, and the formats read. Format 1 stores word vectors in float16. Formats 1 and 2 have no kind (every
# model is a GRU) and no ``sizes`` object.
FORMAT = 3
FORMATS = (1, 2, FORMAT)
GRU_SIZES = ("embedding", "hidden")
FILES = ("configuration.json", "metrics.json", "simplified.txt", "vocabulary.txt", "weights.safetensors")
SUMS = "SHA256SUMS"
# Files that an artifact may also contain. They are not part of its identity.
EXTRA_FILES = ("README.md", "curve.csv")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything needed besides the weights.

    The probability is ``sigmoid(scale * logit + shift)``. It is uncertain within ``uncertain_low .. uncertain_high``.
    ``sizes`` depend on the kind. A GRU has ``embedding``, the width of a word vector, and ``hidden``, the width of the
    GRU in each direction.
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
    """A model in memory.

    ``weights`` are float32 arrays by their names in ``Network``. ``ngrams`` may be empty. ``sha256`` is the identity.
    """

    configuration: Configuration
    words: Sequence[str]
    simplified: Mapping[str, str]
    metrics: Mapping[str, Any]
    weights: Mapping[str, Any]
    ngrams: Ngrams
    sha256: str


@dataclass(frozen=True, slots=True)
class ArtifactFiles:
    """The files of an artifact by name, verified against their checksums; ``sha256`` is the identity."""

    folder: Path
    sha256: str
    contents: Mapping[str, bytes]


def write_artifact(
    folder: Path,
    configuration: Configuration,
    words: Sequence[str],
    simplified: Mapping[str, str],
    metrics: Mapping[str, Any],
    weights: Mapping[str, Any],
    ngrams: Ngrams = NONE,
) -> str:
    """Write a model to ``folder``, which is created if needed. Return its identity, 64 hex digits."""
    from safetensors.numpy import save

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


def find_local_artifact(sha256: str, models_dir: Path | None) -> Path | None:
    """Return the folder of the undamaged artifact with this ``sha256``: the shipped one or one in ``models_dir``."""
    folders = [SHIPPED, *sorted(models_dir.iterdir())] if models_dir and models_dir.is_dir() else [SHIPPED]
    return next((folder for folder in folders if is_artifact(folder, sha256)), None)


def is_artifact(folder: Path, sha256: str) -> bool:
    """Return whether ``folder`` contains the artifact with this ``sha256``, complete and undamaged."""
    try:
        return _digest((folder / SUMS).read_bytes()) == sha256 and read_files(folder).sha256 == sha256
    except (OSError, ArtifactError):
        return False


def read_files(folder: Path) -> ArtifactFiles:
    """Read the files of the model in ``folder``. Raises ArtifactError when one is missing or damaged."""
    if not folder.is_dir():
        raise ArtifactError(f"There is no model folder {folder}. Create one with `liuyan model train`.")
    sums = _read(folder, SUMS)
    contents = {name: _read(folder, name) for name in FILES}
    expected = "".join(f"{_digest(content)}  {name}\n" for name, content in contents.items()).encode()
    if sums != expected:
        changed = [line for line in expected.split(b"\n") if line not in sums.split(b"\n")]
        name = changed[0].split()[-1].decode() if changed else SUMS
        raise ArtifactError(f"The model in {folder} is damaged: {name} does not match {SUMS}. Copy it again.")
    extra = {name: (folder / name).read_bytes() for name in EXTRA_FILES if (folder / name).is_file()}
    return ArtifactFiles(folder, _digest(sums), {**contents, SUMS: sums, **extra})


def read_artifact(folder: Path) -> Artifact:
    """Read the model in ``folder`` and verify its checksums.

    Raises ArtifactError when it is missing or damaged, or when its format is too new.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from model.quantized import unpack

    files = read_files(folder)
    configuration, contents = read_configuration(files), files.contents
    try:
        metrics = json.loads(contents["metrics.json"])
        simplified = dict(line.split("\t") for line in contents["simplified.txt"].decode().splitlines())
        words = contents["vocabulary.txt"].decode().removesuffix("\n").split("\n")
        weights, ngrams = unpack(load(contents["weights.safetensors"]))
        _check_finite({**weights, "ngrams": ngrams.weights})
        artifact = Artifact(configuration, words, simplified, metrics, weights, ngrams, files.sha256)
        find_kind(configuration.kind).check(artifact)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _unusable(folder, error) from error
    return artifact


def read_configuration(files: ArtifactFiles) -> Configuration:
    """Return an artifact's configuration. Raises ArtifactError when it is invalid or when its format is too new."""
    try:
        fields = json.loads(files.contents["configuration.json"])
        number = fields.pop("format", None) if isinstance(fields, dict) else None
        if isinstance(number, int) and number > FORMAT:
            raise ArtifactError(
                f"The model in {files.folder} has format {number}, which is newer than this version of Liuyan can read "
                f"(up to {FORMAT}). Upgrade Liuyan, or train the model with this version."
            )
        return _parse_configuration(number, fields)
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(files.folder, error) from error


def _parse_configuration(number: object, fields: dict[str, Any]) -> Configuration:
    if number not in FORMATS:
        raise ValueError(f"configuration.json has an unsupported format (supported: {', '.join(map(str, FORMATS))})")
    if number != FORMAT:
        fields["sizes"] = {name: fields.pop(name) for name in GRU_SIZES}
    configuration = Configuration(**fields)
    if not isinstance(configuration.sizes, dict):
        raise ValueError("sizes in configuration.json is not an object")
    numbers = ("maximum_tokens", "scale", "shift", "uncertain_low", "uncertain_high")
    for field, value in [*configuration.sizes.items(), *((name, getattr(configuration, name)) for name in numbers)]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{field} in configuration.json is not a number")
    return configuration


def _check_finite(weights: Mapping[str, Any]) -> None:
    """Raise ValueError if a weight is infinite or not a number: every answer would be not a number."""
    import numpy

    for name, values in weights.items():
        if not numpy.isfinite(values).all():
            raise ValueError(f"{name} in weights.safetensors contains numbers that are not finite")


def _unusable(folder: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"The model in {folder} cannot be used: {error}. Train it again or use another.")


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"The model in {folder} is incomplete: {name} cannot be read. Copy it again.") from error


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
