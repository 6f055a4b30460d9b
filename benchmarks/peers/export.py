"""Export the shipped model for the peers: ``network.npz`` for `nn.GRU`, ``network.onnx``, and the text files."""

import shutil
from pathlib import Path

import numpy

from benchmarks.onnx_network import onnx_model
from model.artifact import SHIPPED, read_artifact


def export(folder: Path) -> None:
    """Write the model to ``folder``, which exists."""
    weights = read_artifact(SHIPPED).weights
    numpy.savez(folder / "network.npz", **weights)
    (folder / "network.onnx").write_bytes(onnx_model(weights))
    for name in ("configuration.json", "vocabulary.txt", "simplified.txt"):
        shutil.copy(SHIPPED / name, folder)
