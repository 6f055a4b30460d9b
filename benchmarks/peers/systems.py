"""The systems that are compared, and how to start each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LIUYAN, LIUYAN_25, LIUYAN_BFLOAT16 = "liuyan", "liuyan-25ms", "liuyan-bfloat16"
_PROGRAMS = "benchmarks.peers.programs"
_BOTH = ("onnx", "torch")
# Seconds for which a peer that batches by time collects records.
BATCH_SECONDS = 0.2


@dataclass(frozen=True)
class System:
    """A system. ``arguments`` follow its Python; ``share`` of the backlog is enough for a slow one.

    ``requirements`` names its environment; empty for Liuyan. ``packages`` are those whose versions are reported.
    """

    name: str
    title: str
    requirements: str = ""
    arguments: tuple[str, ...] = ("-m", "liuyan", "consumer", "run")
    engines: tuple[str, ...] = ("liuyan",)
    packages: tuple[str, ...] = ("torch",)
    settings: Mapping[str, str] = field(default_factory=dict)
    batch_seconds: float = BATCH_SECONDS
    share: float = 1.0


def systems() -> dict[str, System]:
    """Return all systems by name, in the order of the report."""
    found = [
        System(LIUYAN, "Liuyan (with n-grams, exactly once)"),
        System(LIUYAN_25, "Liuyan, latency budget 25 ms", settings={"LIUYAN_LATENCY_MILLISECONDS": "25"}),
        System(LIUYAN_BFLOAT16, "Liuyan, bfloat16 products", settings={"LIUYAN_BFLOAT16": "true"}),
    ]
    found += [
        _peer("faststream", "FastStream, batch subscriber", "faststream", "-m", "faststream", "run"),
        _peer("arroyo", "arroyo, BatchStep of 200 ms", "sentry-arroyo", "-m"),
        _peer("quix", "Quix Streams, sink, commit every 200 ms", "quixstreams", "-m"),
        _peer("aiokafka", "aiokafka, getmany and commit", "aiokafka", "-m"),
    ]
    single = (f"{_PROGRAMS}.with_aiokafka", "single")
    found.append(
        System("aiokafka-single", "aiokafka, one message at a time", "aiokafka", ("-m", *single), _BOTH,
               ("aiokafka", "onnxruntime", "torch", "rjieba"), share=0.04)
    )  # fmt: skip
    found.append(
        System("snownlp", "SnowNLP with its own model, in a loop", "snownlp", ("-m", f"{_PROGRAMS}.with_snownlp"),
               ("snownlp",), ("snownlp", "confluent-kafka"), share=0.04)
    )  # fmt: skip
    return {system.name: system for system in found}


def _peer(name: str, title: str, package: str, *arguments: str) -> System:
    program = f"{_PROGRAMS}.with_{name}" + (":app" if name == "faststream" else "")
    return System(name, title, name, (*arguments, program), _BOTH, (package, "onnxruntime", "torch", "rjieba"))
