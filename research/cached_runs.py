"""Trainings in folders named by what they were told: each is done once, and goes on where it was killed."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from model.training.data import Comment
from model.training.options import Options

# Written into the folder when its training is done.
DONE = "done"


def once(cache: Path, name: str, options: Options, comments: str, training: Callable[[Path], object]) -> Path:
    """The folder below ``cache`` that ``training`` fills, unless it did so before under ``name``, with these
    ``options`` and ``comments`` (their ``fingerprint``)."""
    told = json.dumps({"options": asdict(options), "comments": comments}, sort_keys=True)
    folder = cache / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    if not (folder / DONE).exists():
        training(folder)
        (folder / DONE).touch()
    return folder


def fingerprint(labelled: Mapping[str, Comment], others: Iterable[str] = ()) -> str:
    """Names, in hex digits, ``labelled`` comments by digest and whatever ``others`` a training learns from.

    Targets that teachers softened are left out: weighed anew, on other threads, they differ by a rounding, and a
    training of hours would begin again.
    """
    told = hashlib.sha256("".join(f"{key}{labelled[key].positive:d}" for key in sorted(labelled)).encode())
    told.update("".join(sorted(others)).encode())
    return told.hexdigest()
