"""Print a comparison in a terminal, or return it as one JSON object."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from liuyan.terminal import Column, write_line, write_table
from registry.comparison_result import Band, Cell, ComparisonResult, JudgedResult, Sample, result_to_json
from registry.paired_statistics import Figure, McNemar
from registry.trained_on import TrainedOn
from store.comparisons import Comparison, ShownExample

# The most platforms, the largest, and the most months, the newest, that are printed.
PRINTED = 24
# The number of deciding words that are printed for each model.
DECIDING = 5
SAMPLES = {
    Sample.AUDIT: "audit sample (random, blind decisions)",
    Sample.HELD_BACK: "held-back half of the audit sample (random, blind decisions)",
    Sample.REVIEWS: "all reviews (biased: reviewers chose the comments)",
}
NOTES = {
    TrainedOn.NONE: None,
    TrainedOn.DATABASE: "was trained on reviews from the database, without the held-back half of the audit sample",
    TrainedOn.FILE: "was trained on reviews from a file, which may contain comments of the audit sample: its accuracy "
    "may be overestimated",
    TrainedOn.UNKNOWN: "has no available artifact, so it may have been trained on comments of the audit sample",
}


def comparison_document(
    comparison: Comparison, result: ComparisonResult, examples: Sequence[ShownExample]
) -> dict[str, Any]:
    """Return a comparison with its result and examples as a JSON object."""
    shown = [{"platform": one.platform, "id": one.id, "text": one.text, **_example(one)} for one in examples]
    return {**asdict(comparison), "result": json.loads(result_to_json(result)), "examples": shown}


def print_comparison(comparison: Comparison, result: ComparisonResult, examples: Sequence[ShownExample]) -> None:
    """Print the figures of a comparison and its examples."""
    total = result.total
    write_line(f"old model {comparison.old_model_number} ({comparison.old_name}), new model "
               f"{comparison.new_model_number} ({comparison.new_name})")  # fmt: skip
    for which, trained_on in (("old", result.old_trained_on), ("new", result.new_trained_on)):
        if note := NOTES[trained_on]:
            write_line(f"The {which} model {note}.")
    write_line(
        f"{total.compared:,} comments compared; only labelled by the old model {result.only_old:,}, by the new one "
        f"{result.only_new:,}, by neither {result.neither:,}"
    )
    _print_cells("total", [total], [""])
    by_platform, by_month = result.by_platform[:PRINTED], result.by_month[-PRINTED:]
    _print_cells("platform", by_platform, [cell.platform for cell in by_platform])
    _print_cells("month", by_month, [cell.month for cell in by_month])
    _print_bands(result)
    for judged in (result.unbiased, result.reviews):
        _print_judged(judged)
    if examples:
        columns = [Column("platform"), Column("id"), Column("old", right=True), Column("new", right=True)]
        rows = [(one.platform, one.id, _percent(one.example.old_probability), _percent(one.example.new_probability),
                 one.text or "(edited since)", _deciding("old", one.text, one.example.old_words),
                 _deciding("new", one.text, one.example.new_words)) for one in examples]  # fmt: skip
        below = [Column(name, below=True) for name in ("text", "deciding words, old", "deciding words, new")]
        write_line("Flipped comments, with both probabilities of positive and the words that decided:")
        write_table([*columns, *below], rows)


def _print_cells(title: str, cells: Sequence[Cell], names: Sequence[str]) -> None:
    columns = ("comments", "flipped", "to positive", "to negative", "positive, old", "positive, new")
    rows = [
        (
            name,
            *(f"{n:,}" for n in (cell.compared, cell.to_positive + cell.to_negative, cell.to_positive)),
            f"{cell.to_negative:,}",
            *(_share(n, cell.compared) for n in (cell.old_positive, cell.new_positive)),
        )
        for name, cell in zip(names, cells, strict=True)
    ]
    write_table([Column(title), *(Column(name, right=True) for name in columns)], rows)


def _print_bands(result: ComparisonResult) -> None:
    def row(name: str, band: Band) -> tuple[str, ...]:
        inside, outside = (f"{n:,}" for n in (band.inside, band.outside))
        return name, inside, _share(band.inside_equal, band.inside), outside, _share(band.outside_equal, band.outside)

    columns = ("inside", "equal labels", "outside", "equal labels")
    rows = [row("old model", result.old_band), row("new model", result.new_band)]
    write_table([Column("uncertain band"), *(Column(name, right=True) for name in columns)], rows)


def _print_judged(judged: JudgedResult) -> None:
    write_line(f"{SAMPLES[judged.sample]}: {judged.judged:,} comments")
    if not judged.judged:
        return
    names = (("accuracy", "accuracy"), ("macro-F1", "macro_f1"), ("calibration error", "calibration_error"))
    rows = [(name, _figure(getattr(judged.old, of)), _figure(getattr(judged.new, of))) for name, of in names]
    write_table([Column("95 % interval"), Column("old", right=True), Column("new", right=True)], rows)
    write_line(f"change of accuracy {_figure(judged.change)}; {_test(judged.mcnemar)}")


def _test(found: McNemar) -> str:
    return (
        f"only the old model is right on {found.only_old_right:,}, only the new one on {found.only_new_right:,} "
        f"(McNemar's test: p = {found.p:.3g})"
    )


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    value = f"{100 * figure.value:.1f} %"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({100 * figure.low:.1f} .. {100 * figure.high:.1f})"


def _share(n: int, of: int) -> str:
    return _percent(n / of) if of else "-"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _example(one: ShownExample) -> dict[str, Any]:
    example = one.example
    return {
        "old_probability": example.old_probability,
        "new_probability": example.new_probability,
        "old_words": _words(one.text, example.old_words),
        "new_words": _words(one.text, example.new_words),
    }


def _deciding(which: str, text: str | None, stored: str | None) -> str:
    """Return the most important words of a model's label with their contributions, positive or negative."""
    found = sorted(_words(text, stored) or [], key=lambda word: -abs(word["contribution"]))
    words = "  ".join(f"{word['word']} {word['contribution']:+.2f}" for word in found[:DECIDING])
    return f"{which}: {words or '-'}"


def _words(text: str | None, stored: str | None) -> list[dict[str, Any]] | None:
    """Return the deciding words of the text; None if they are unknown or the text was edited since."""
    if text is None or stored is None:
        return None
    return [{"word": text[start:end], "contribution": value} for start, end, value in json.loads(stored)]
