"""Cache teachers' answers on disk, so that each comment is labelled once per teacher.

There is one file per teacher, named after its digest. Each record has a comment's digest, the logit and optionally the
vector behind it. Records are appended; an interrupted write loses only the last record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy
from numpy.typing import NDArray

from liuyan.errors import UsageError
from liuyan.progress import Report

# Comments per request. An encoder batches texts of equal length, so large chunks are efficient.
CHUNK_SIZE = 16_384


@dataclass(frozen=True, slots=True)
class Reply:
    """Logits of texts, and optionally the vectors behind them: (texts, width), float16."""

    logits: Sequence[float]
    vectors: NDArray[numpy.float16] | None = None


class Teacher(Protocol):
    """A model that returns logits. Teachers with equal digests return equal answers."""

    # Width of the vectors in replies; 0 for none.
    width: int

    @property
    def name(self) -> str:
        """The name to display."""

    @property
    def digest(self) -> str:
        """A hash of the model and its training data, in hex digits."""

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """Label texts, given by digest, in order."""


class Answers:
    """The cached answers of one teacher.

    Answers with vectors are in a separate file, because vectors take up to a hundred times the space.
    """

    def __init__(self, folder: Path, teacher: str, width: int = 0) -> None:
        """``teacher`` is the teacher's digest, ``width`` the width of its vectors, 0 for none."""
        folder.mkdir(parents=True, exist_ok=True)
        self._width = width
        self._path = folder / f"{teacher[:32]}.{'vectors' if width else 'answers'}"
        self._record = numpy.dtype([("comment", "<u8"), ("logit", "<f4"), ("vector", "<f2", (width,))])
        self.known: dict[str, float] = {}
        if self._path.exists() and (whole := self._path.stat().st_size // self._record.itemsize):
            with self._path.open("r+b") as stream:
                stream.truncate(whole * self._record.itemsize)
            records = numpy.memmap(self._path, self._record, "r", shape=(whole,))
            digests = [f"{number:016x}" for number in records["comment"].tolist()]
            self.known = dict(zip(digests, records["logit"].tolist(), strict=True))

    def add(self, keys: Sequence[str], reply: Reply) -> None:
        """Store the reply for the comments with these digests."""
        records = numpy.empty(len(keys), self._record)
        records["comment"] = [int(key, 16) for key in keys]
        records["logit"] = reply.logits
        if self._width:
            records["vector"] = reply.vectors
        with self._path.open("ab") as stream:
            stream.write(records.tobytes())
        self.known.update(zip(keys, records["logit"].tolist(), strict=True))

    def vectors(self) -> tuple[Sequence[str], NDArray[numpy.float16]]:
        """Return the digests of all answered comments and their vectors (comments, width).

        Raises UsageError when there are none.
        """
        if not self.known:
            raise UsageError("Hints need an encoder's answers, but there are none yet. Leave out --no-ask or --hints.")
        records = numpy.memmap(self._path, self._record, "r")
        return [f"{number:016x}" for number in records["comment"].tolist()], records["vector"]


def ask(teacher: Teacher, comments: Mapping[str, str], answers: Answers, report: Report) -> None:
    """Ask the teacher about the texts (by digest) without an answer, in order, and add its replies to ``answers``."""
    missing = [key for key in comments if key not in answers.known]
    for start in range(0, len(missing), CHUNK_SIZE):
        keys = missing[start : start + CHUNK_SIZE]
        answers.add(keys, teacher.answer({key: comments[key] for key in keys}))
        report(f"asking the teacher {teacher.name}", start + len(keys), len(missing))
