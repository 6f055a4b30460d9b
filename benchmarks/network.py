"""Compare the inference network with the same network as packed `nn.GRU` and in ONNX Runtime.

Every implementation uses one thread and its best batch size, on real comments and without segmentation. They take
turns, so that other load affects all of them. `python -m benchmarks.network` prints the results.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.comments import spread_comments
from benchmarks.onnx_network import onnx_session
from model.artifact import SHIPPED, Artifact, read_artifact
from model.gru import GruClassifier
from model.inference import InferenceNetwork
from model.network import Network, Shape, pad
from model.vocabulary import word_numbers

TARGET_RATIOS = {"nn.GRU": 2.0, "ONNX Runtime": 1.5}
COMMENTS = 3_000
ROUNDS = 5
BATCHES = (16, 32, 64, 128, 256, 512)

Texts = Sequence[tuple[int, ...]]
Candidate = Callable[[Texts], object]


def run() -> bool:
    """Measure and print. Return whether the target ratios are reached."""
    torch.set_num_threads(1)
    classifier = GruClassifier(read_artifact(SHIPPED))
    chosen = spread_comments(COMMENTS)
    texts = [tuple(word_numbers([one.numbers])[0].tolist()) for one in classifier.prepare(chosen)]
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        _time("segmentation", lambda _: classifier.prepare(chosen), texts, seconds)
        for name, candidate in _candidates(read_artifact(SHIPPED)).items():
            _time(name, candidate, texts, seconds)
    return _report({name: len(texts) / statistics.median(taken) for name, taken in seconds.items()}, texts)


def _candidates(artifact: Artifact) -> dict[str, Candidate]:
    """Return all implementations by name. The inference network takes all texts at once."""
    network = Network(Shape(len(artifact.words), **artifact.configuration.sizes)).eval()
    network.load_state_dict({name: torch.from_numpy(one) for name, one in artifact.weights.items()})
    served = InferenceNetwork(artifact.weights)
    session = onnx_session(artifact.weights)
    candidates: dict[str, Candidate] = {"inference network": served.logits}
    for batch in BATCHES:
        candidates[f"nn.GRU packed, {batch}"] = lambda texts, batch=batch: _packed(network, texts, batch)  # type: ignore[misc]
        candidates[f"ONNX Runtime, {batch}"] = lambda texts, batch=batch: _onnx(session, texts, batch)  # type: ignore[misc]
    return candidates


@torch.inference_mode()
def _packed(network: Network, texts: Texts, batch: int) -> None:
    for chunk in _by_length(texts, batch):
        network(*pad(chunk))


def _onnx(session: Any, texts: Texts, batch: int) -> None:
    for chunk in _by_length(texts, batch):
        numbers, lengths = pad(chunk)
        session.run(None, {"numbers": numbers.numpy(), "lengths": lengths.numpy()})


def _by_length(texts: Texts, batch: int) -> Iterator[list[tuple[int, ...]]]:
    ordered = sorted(texts, key=len)
    for start in range(0, len(ordered), batch):
        yield ordered[start : start + batch]


def _time(name: str, candidate: Candidate, texts: Texts, seconds: dict[str, list[float]]) -> None:
    started = time.perf_counter()
    candidate(texts)
    seconds.setdefault(name, []).append(time.perf_counter() - started)


def _report(speeds: dict[str, float], texts: Texts) -> bool:
    mean = sum(map(len, texts)) / len(texts)
    table = Table("", "comments/s", title=f"One thread, {len(texts)} comments of {mean:.0f} words, median of {ROUNDS}")
    for name, speed in speeds.items():
        table.add_row(name, f"{speed:,.0f}")
    Console().print(table)
    inference_speed = _best(speeds, "inference network")
    reached = []
    for name, target in TARGET_RATIOS.items():
        ratio = inference_speed / _best(speeds, name)
        reached.append(ratio >= target)
        sys.stdout.write(f"inference network / {name} {ratio:.2f}, target {target}\n")
    return all(reached)


def _best(speeds: dict[str, float], name: str) -> float:
    """Return the speed of an implementation with its best batch size."""
    return max(speed for candidate, speed in speeds.items() if candidate.startswith(name))


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
