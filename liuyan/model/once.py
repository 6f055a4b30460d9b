"""Trainings in folders named by what they were told: each is done once, and goes on where it was killed."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from liuyan.model.data import Comment
from liuyan.model.options import Options

# Written into the folder when its training is done.
DONE = "done"


def once(cache: Path, name: str, training: Callable[[Path], object]) -> Path:
    """The folder ``name`` below ``cache``, which ``training`` fills unless it did so before."""
    folder = cache / name
    if not (folder / DONE).exists():
        training(folder)
        (folder / DONE).touch()
    return folder


def fingerprint(options: Options, labelled: Mapping[str, Comment], others: Iterable[str] = ()) -> str:
    """Names a training, in hex digits, by options, ``labelled`` comments by digest, and whatever ``others`` there is.

    Targets that teachers softened are left out: weighed anew, on other threads, they differ by a rounding, and a
    training of hours would begin again.
    """
    told = hashlib.sha256(json.dumps(asdict(options), sort_keys=True).encode())
    told.update("".join(f"{key}{labelled[key].positive:d}" for key in sorted(labelled)).encode())
    told.update("".join(sorted(others)).encode())
    return told.hexdigest()[:16]
