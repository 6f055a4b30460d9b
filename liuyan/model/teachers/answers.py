"""What teachers said, kept on disk: nobody is asked twice about the same comment.

A file a teacher, named by its digest; a record is a comment's digest and the logit, 12 bytes, added at the end. A kill
in the middle of a record costs that record.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy

from liuyan.model.progress import Report

RECORD = numpy.dtype([("comment", "<u8"), ("logit", "<f4")])
TOGETHER = 2_048


class Teacher(Protocol):
    """A model that answers with logits of positive. Equal digests give equal answers."""

    @property
    def name(self) -> str:
        """For people: what kind of model it is."""

    @property
    def digest(self) -> str:
        """Names the model and all that it learnt from, in hex digits."""

    def answer(self, comments: Mapping[str, str]) -> Sequence[float]:
        """Logits for texts by their digests, in their order."""


class Answers:
    """The answers of one teacher that are on disk."""

    def __init__(self, folder: Path, teacher: str) -> None:
        """``teacher`` is its digest."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{teacher[:32]}.answers"
        self.known: dict[str, float] = {}
        if self._path.exists():
            whole = self._path.stat().st_size // RECORD.itemsize
            records = numpy.fromfile(self._path, RECORD, whole)
            digests = [f"{number:016x}" for number in records["comment"].tolist()]
            self.known = dict(zip(digests, records["logit"].tolist(), strict=True))
            with self._path.open("r+b") as stream:
                stream.truncate(whole * RECORD.itemsize)

    def add(self, keys: Sequence[str], logits: Sequence[float]) -> None:
        """Remember what the teacher said of the comments with these digests."""
        records = numpy.empty(len(keys), RECORD)
        records["comment"] = [int(key, 16) for key in keys]
        records["logit"] = logits
        with self._path.open("ab") as stream:
            stream.write(records.tobytes())
        self.known.update(zip(keys, records["logit"].tolist(), strict=True))


def ask(teacher: Teacher, comments: Mapping[str, str], answers: Answers, report: Report) -> None:
    """Ask about the texts (by digest) that have no answer yet, in their order; ``answers`` has all of them then."""
    missing = [key for key in comments if key not in answers.known]
    for start in range(0, len(missing), TOGETHER):
        keys = missing[start : start + TOGETHER]
        answers.add(keys, teacher.answer({key: comments[key] for key in keys}))
        report(f"asking the teacher {teacher.name}", start + len(keys), len(missing))
