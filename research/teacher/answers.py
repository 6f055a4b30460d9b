"""What teachers said, kept on disk: nobody is asked twice about the same comment.

A file a teacher, named by its digest; a record is a comment's digest, the logit and, where it is wanted, the vector
from which it was computed, added at the end. A kill in the middle of a record costs that record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy
from numpy.typing import NDArray

from liuyan.errors import UsageError
from model.progress import Report

# Comments asked about at once: an encoder computes texts of one length together, and wants many of each.
TOGETHER = 16_384


@dataclass(frozen=True, slots=True)
class Reply:
    """Logits of positive for some texts, and the vectors (texts, width) float16 behind them where there are any."""

    logits: Sequence[float]
    vectors: NDArray[numpy.float16] | None = None


class Teacher(Protocol):
    """A model that answers with logits of positive. Equal digests give equal answers."""

    # Of the vectors in its replies; 0 when it has none.
    width: int

    @property
    def name(self) -> str:
        """For people: what kind of model it is."""

    @property
    def digest(self) -> str:
        """Names the model and all that it learnt from, in hex digits."""

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """What it says of texts by their digests, in their order."""


class Answers:
    """The answers of one teacher that are on disk, with the vectors behind them or, in a file of their own, without:
    a vector takes up to a hundred times as much as the rest."""

    def __init__(self, folder: Path, teacher: str, width: int = 0) -> None:
        """``teacher`` is its digest, ``width`` that of its vectors, 0 for none."""
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
        """Remember what the teacher said of the comments with these digests."""
        records = numpy.empty(len(keys), self._record)
        records["comment"] = [int(key, 16) for key in keys]
        records["logit"] = reply.logits
        if self._width:
            records["vector"] = reply.vectors
        with self._path.open("ab") as stream:
            stream.write(records.tobytes())
        self.known.update(zip(keys, records["logit"].tolist(), strict=True))

    def vectors(self) -> tuple[Sequence[str], NDArray[numpy.float16]]:
        """The digests of all comments that were answered, and the vectors (comments, width) out of the file.

        Raises UsageError when there are none.
        """
        if not self.known:
            raise UsageError("Hints are an encoder's answers, and it has none yet: leave --no-ask out, or --hints.")
        records = numpy.memmap(self._path, self._record, "r")
        return [f"{number:016x}" for number in records["comment"].tolist()], records["vector"]


def ask(teacher: Teacher, comments: Mapping[str, str], answers: Answers, report: Report) -> None:
    """Ask about the texts (by digest) that have no answer yet, in their order; ``answers`` has all of them then."""
    missing = [key for key in comments if key not in answers.known]
    for start in range(0, len(missing), TOGETHER):
        keys = missing[start : start + TOGETHER]
        answers.add(keys, teacher.answer({key: comments[key] for key in keys}))
        report(f"asking the teacher {teacher.name}", start + len(keys), len(missing))
