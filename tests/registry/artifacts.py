"""Artifacts for tests: an untrained network of a few bytes, different for each seed."""

import hashlib
from pathlib import Path

import torch

from model.artifact import FILES, SUMS, Configuration, write_artifact
from model.network import Network, Shape

WORDS = ["<unknown>", "<number>", "好", "差", "很"]


def write_model(folder: Path, seed: int, *, low: float = 0.4, high: float = 0.6, scale: float = 1.5) -> str:
    """Write an artifact with random weights and a card to ``folder``, and return its SHA-256."""
    torch.manual_seed(seed)
    configuration = Configuration(f"model-{seed}", {"embedding": 4, "hidden": 3}, 50, scale, -0.25, low, high)
    weights = Network(Shape(len(WORDS), 4, 3)).stored_weights()
    sha256 = write_artifact(folder, configuration, WORDS, {"壞": "坏"}, {"accuracy": 0.5}, weights)
    (folder / "README.md").write_text(f"# model-{seed}\n", encoding="utf-8")
    return sha256


def write_sums(folder: Path) -> None:
    """Write the checksums of the files in ``folder``, as if they were intended."""
    lines = (f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES)
    (folder / SUMS).write_text("".join(lines))
