"""A second model for tests, and its registration and promotion in the database of running processes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.artifact import SHIPPED, read_artifact, write_artifact
from model.labeller import Labeller, load_labeller
from model.quantized import WORDS
from model.vocabulary import SPECIAL
from registry.register import register
from store.audit import Actor
from store.models import read_active
from store.promotion import promote_model
from store.store import Store

ACTOR = Actor(None, "tests", "command", None)


def write_reordered(folder: Path, seed: int = 1, name: str | None = None) -> Path:
    """Write the shipped model with its vocabulary in another order and another calibration, and return ``folder``.

    Its word numbers and its probabilities differ from the shipped model's for nearly every text, so a batch that mixes
    the two stores a wrong probability.
    """
    shipped = read_artifact(SHIPPED)
    order = list(range(len(SPECIAL), len(shipped.words)))
    random.Random(seed).shuffle(order)
    order = [*range(len(SPECIAL)), *order]
    name = name or f"reordered {seed}"
    configuration = replace(shipped.configuration, name=name, shift=shipped.configuration.shift + 0.5)
    weights = {**shipped.weights, WORDS: shipped.weights[WORDS][order]}
    words = [shipped.words[number] for number in order]
    write_artifact(folder, configuration, words, shipped.simplified, shipped.metrics, weights, shipped.ngrams)
    return folder


async def register_artifact(database_url: str, folder: Path) -> int:
    """Register an artifact and return the model's number."""
    async with Store.open(database_url) as store:
        return (await register(store, folder, ACTOR)).model.number


async def promote(database_url: str, number: int) -> None:
    """Make a model the active one."""
    async with Store.open(database_url) as store:
        active = await store.read(read_active)
        await store.write(promote_model, ACTOR, number, None if active is None else active.number)


def load_labellers(*folders: Path) -> Mapping[str, Labeller]:
    """Return the labellers of the shipped model and of ``folders``, by SHA-256."""
    return {labeller.sha256: labeller for labeller in map(load_labeller, (SHIPPED, *folders))}


def wrong_predictions(labellers: Mapping[str, Labeller], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """Return a line for each (SHA-256, text, label, probability) that is not what that model's labeller says."""
    wrong = [f"unknown model {row[0]}" for row in rows if row[0] not in labellers]
    for sha256, labeller in labellers.items():
        own = [row for row in rows if row[0] == sha256]
        for first in range(0, len(own), 512):
            part = own[first : first + 512]
            for row, right in zip(part, labeller.predict([row[1] for row in part]), strict=True):
                _, text, label, probability = row
                is_near = abs(probability - right.probability) <= 1e-5
                if not is_near or label != ("positive" if probability >= 0.5 else "negative"):
                    wrong.append(f"{labeller.name}: {label} {probability} not {right} for {text[:40]!r}")
    return wrong
