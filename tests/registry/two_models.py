"""Two registered models with small artifacts that have both labelled the same comments."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from statistics import median, stdev

from model.artifact import read_artifact, write_artifact
from model.labeller import Labeller
from registry.register import register
from store.audit import Actor
from store.batch import Label, ModelRow, Prediction
from store.comments import ShownLabel
from store.models import read_active
from store.promotion import promote_model
from store.relabel import TextPrediction, add_predictions
from store.reviews import Opinion, add_reviews
from store.store import Store
from tests.registry.artifacts import write_model
from tests.store.feed import Feed, arrival, feed_of, microseconds, minutes, send_sampled

WANG = Actor(7, "wang", "command", None)
TEXTS = ("很好", "很差", "好差", "差很好", "好很差", "好好", "差差", "很很好")


@dataclass(frozen=True)
class TwoModels:
    """Two models, the feed of the first one, and both models' probabilities by comment id."""

    old: ModelRow
    new: ModelRow
    feed: Feed
    probabilities: Mapping[str, tuple[float, float]]

    @property
    def flipped(self) -> set[str]:
        """The comments whose labels differ."""
        return {id for id, (old, new) in self.probabilities.items() if (old >= 0.5) != (new >= 0.5)}


def text_of(n: int) -> str:
    """Return the text of comment ``n``."""
    return f"{TEXTS[n % len(TEXTS)]}，{'好' * (n % 5)}{'差' * (n % 7)}"


async def two_models(store: Store, folder: Path, comments: int, sampled: int = 0) -> TwoModels:
    """Register two models and store comments that both have labelled; the first ``sampled`` are in the audit sample."""
    old, new = [await _register(store, folder / f"model{seed}", seed) for seed in (1, 4)]
    if await store.read(read_active) is None:
        await store.write(promote_model, WANG, old.number, None)
    labellers = [Labeller(read_artifact(folder / f"model{seed}"), 0) for seed in (1, 4)]
    ids = [str(n) for n in range(comments)]
    texts = [text_of(n) for n in range(comments)]
    first, second = ([one.probability for one in labeller.predict(texts)] for labeller in labellers)
    feed = await feed_of(store, old.sha256)
    arrivals = [
        arrival(id, text, label=_label(p), probability=p, uncertain=0.4 <= p <= 0.6)
        for id, text, p in zip(ids, texts, first, strict=True)
    ]
    if sampled:
        await send_sampled(feed, *arrivals[:sampled])
    await feed.send(*arrivals[sampled:])
    items = [
        TextPrediction("forum", id, text, Prediction(_label(p), p, 0.4 <= p <= 0.6))
        for id, text, p in zip(ids, texts, second, strict=True)
    ]
    await store.write(add_predictions, new.number, items)
    return TwoModels(old, new, feed, dict(zip(ids, zip(first, second, strict=True), strict=True)))


async def review_all(store: Store, ids: list[str], label: ShownLabel) -> None:
    """Review comments of the forum outside the audit."""
    await add_reviews(store, WANG, [Opinion("forum", id, microseconds(minutes(0)), label) for id in ids])


async def _register(store: Store, folder: Path, seed: int) -> ModelRow:
    write_model(folder, seed, low=0.4, high=0.6, scale=1)
    _balance(folder)
    return (await register(store, folder, WANG)).model


def _balance(folder: Path) -> None:
    """Calibrate the model in ``folder`` so that half of the texts are positive and few are uncertain."""
    artifact = read_artifact(folder)
    found = Labeller(artifact, 0).predict([text_of(n) for n in range(120)])
    logits = [log(one.probability / (1 - one.probability)) for one in found]
    scale = 2 / stdev(logits)
    shift = scale * (artifact.configuration.shift - median(logits))
    configuration = replace(artifact.configuration, scale=scale, shift=shift)
    write_artifact(
        folder, configuration, artifact.words, artifact.simplified, artifact.metrics, artifact.weights
    )  # fmt: skip


def _label(probability: float) -> Label:
    return Label.POSITIVE if probability >= 0.5 else Label.NEGATIVE
