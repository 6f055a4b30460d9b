"""Run each training once, in a folder named after its options and data."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from model.training.data import Comment
from model.training.options import Options

# The marker file of a finished training.
DONE = "done"


def run_cached(cache: Path, name: str, options: Options, comments: str, training: Callable[[Path], object]) -> Path:
    """Return the folder below ``cache`` with the results of ``training``, and run it if it has not finished.

    ``name``, ``options`` and ``comments`` (a ``fingerprint``) identify the folder.
    """
    inputs = json.dumps({"options": asdict(options), "comments": comments}, sort_keys=True)
    folder = cache / f"{name}-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}"
    if not (folder / DONE).exists():
        training(folder)
        (folder / DONE).touch()
    return folder


def fingerprint(labelled: Mapping[str, Comment], others: Iterable[str] = ()) -> str:
    """Return a hash, in hex digits, of ``labelled`` comments (by key) and ``others``, further inputs of a training.

    Soft targets from teachers are left out: their rounding depends on the number of threads, and hours of training
    would start over.
    """
    digest = hashlib.sha256("".join(f"{key}{labelled[key].positive:d}" for key in sorted(labelled)).encode())
    digest.update("".join(sorted(others)).encode())
    return digest.hexdigest()
