"""Compare the steps before the network for one text at a time with those for a batch, and ways to parse an event.

    python -m benchmarks.steps

All take turns in one thread, on different real comments. msgspec and orjson are measured if they are installed.
"""

import importlib.util
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy
from rich.console import Console
from rich.table import Table

from benchmarks.comments import spread_comments
from consumer.event import CommentEvent, parse_ordinary, parse_strictly, parse_value
from liuyan.settings import Settings
from model.artifact import SHIPPED, read_artifact
from model.labeller import Labeller
from model.ngrams import SIZES, KeyTable, Ngrams, spell_out, spell_out_all, spelled
from model.normalise import Normaliser, character_table, normalise
from model.segment import segment
from model.vocabulary import Vocabulary
from tests.harness import comment

COMMENTS, ROUNDS = 8_192, 5
SIZE = Settings.model_fields["batch_records"].default
Measured = dict[str, list[float]]
Batches = Sequence[list[str]]


def time_all(candidates: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median microseconds per comment of each candidate."""
    seconds: Measured = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, candidate in candidates.items():
            started = time.perf_counter()
            candidate()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) / COMMENTS * 1_000_000 for name, taken in seconds.items()}


def text_steps(batches: Batches) -> dict[str, Callable[[], object]]:
    """Return the steps from text to the network's and the n-gram table's inputs."""
    artifact = read_artifact(SHIPPED)
    table = character_table(artifact.simplified)
    normaliser = Normaliser(table)
    vocabulary = Vocabulary(artifact.words, artifact.configuration.maximum_tokens)
    most = vocabulary.maximum_tokens
    normalised = [normaliser.normalise(batch) for batch in batches]
    segmented = [list(map(segment, batch)) for batch in normalised]
    keys = _keys([spell_out_all(batch, most) for batch in normalised])
    ngrams = artifact.ngrams
    weights = KeyTable(ngrams.keys, ngrams.weights, numpy.float32(0))
    return {
        "normalise, one text": lambda: [normalise(text, table) for batch in batches for text in batch],
        "normalise, batch": lambda: list(map(normaliser.normalise, batches)),
        "segment": lambda: [segment(text) for batch in normalised for text in batch],
        "look up, one text": lambda: [vocabulary.look_up(segment(text)) for batch in normalised for text in batch],
        "look up, batch": lambda: [vocabulary.look_up_all(map(segment, batch)) for batch in normalised],
        "spell out, one text": lambda: [spell_out(words, most) for batch in segmented for words in batch],
        "spell out, batch": lambda: [spell_out_all(batch, most) for batch in normalised],
        "n-gram weights, bisection": lambda: [_bisect(ngrams, sought) for sought in keys],
        "n-gram weights, table": lambda: list(map(weights.find, keys)),
    }


def _keys(batches: Batches) -> list[numpy.ndarray[tuple[int], numpy.dtype[numpy.int32]]]:
    return [spelled(batch).keys(size)[0] for batch in batches for size in SIZES]


def _bisect(ngrams: Ngrams, sought: numpy.ndarray[tuple[int], numpy.dtype[numpy.int32]]) -> object:
    places = numpy.minimum(numpy.searchsorted(ngrams.keys, sought), len(ngrams) - 1)
    return numpy.where(ngrams.keys[places] == sought, ngrams.weights[places], 0)


def parsers(texts: Sequence[str]) -> dict[str, Callable[[], object]]:
    """Return the parsers of an event's value, with the work that each of them leaves out."""
    values = [comment(number, text).value or b"" for number, text in enumerate(texts)]
    candidates: dict[str, Callable[[], object]] = {
        "parse strictly: json, dict, Pydantic": lambda: list(map(parse_strictly, values)),
        "parse an ordinary event": lambda: list(map(parse_ordinary, values)),
        "parse: ordinary, else strictly": lambda: list(map(parse_value, values)),
        "Pydantic from JSON, accepts duplicate keys": lambda: list(map(CommentEvent.model_validate_json, values)),
        "json to dict, accepts duplicate keys, no rules": lambda: list(map(json.loads, values)),
    }
    for name, decode in (("msgspec", "msgspec.json.decode"), ("orjson", "orjson.loads")):
        if importlib.util.find_spec(name):
            module, _, function = decode.rpartition(".")
            decoder = getattr(importlib.import_module(module), function)
            candidates[f"{name} to dict, accepts duplicate keys, no rules"] = partial(_decode_all, decoder, values)
    return candidates


def _decode_all(decode: Callable[[bytes], object], values: Sequence[bytes]) -> None:
    for value in values:
        decode(value)


def threads(batches: Batches) -> dict[str, Callable[[], object]]:
    """Return preparing and labelling in one thread, and in two that overlap, on all cores of this process."""
    labeller = Labeller(read_artifact(SHIPPED), 0)

    def one_thread() -> None:
        for batch in batches:
            labeller.predict(batch)

    def two_threads() -> None:
        prepared = [labeller.prepare(batches[0])]
        for batch in [*batches[1:], []]:
            beside = threading.Thread(target=lambda batch=batch: prepared.append(labeller.prepare(batch)))
            beside.start()
            labeller.label(prepared.pop(0))
            beside.join()

    return {"prepare, then label": one_thread, "prepare beside label": two_threads}


def main() -> None:
    """Measure and print."""
    texts = spread_comments(COMMENTS)
    batches = [texts[first : first + SIZE] for first in range(0, COMMENTS, SIZE)]
    cores = len(os.sched_getaffinity(0))
    for title, candidates in (
        ("Text steps", text_steps(batches)),
        ("Parsers", parsers(texts)),
        (f"Threads, {cores} cores", threads(batches)),
    ):
        table = Table("", "us per comment", title=title, box=None)
        for name, microseconds in time_all(candidates).items():
            table.add_row(name, f"{microseconds:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
