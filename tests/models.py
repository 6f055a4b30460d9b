"""A second model for tests, and its registration and promotion in the database of running processes."""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

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


def write_reordered(folder: Path, seed: int = 1) -> Path:
    """Write the shipped model with its vocabulary in another order and another calibration, and return ``folder``.

    Its word numbers and its probabilities differ from the shipped model's for nearly every text, so a batch that mixes
    the two stores a wrong probability.
    """
    shipped = read_artifact(SHIPPED)
    order = list(range(len(SPECIAL), len(shipped.words)))
    random.Random(seed).shuffle(order)
    order = [*range(len(SPECIAL)), *order]
    configuration = replace(shipped.configuration, name=f"reordered {seed}", shift=shipped.configuration.shift + 0.5)
    weights = {**shipped.weights, WORDS: shipped.weights[WORDS][torch.tensor(order)]}
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


def load_labellers(*folders: Path) -> Mapping[int, Labeller]:
    """Return the labellers of the shipped model, number 1, and of ``folders``, numbered from 2."""
    return {number: load_labeller(folder) for number, folder in enumerate((SHIPPED, *folders), start=1)}


def wrong_predictions(labellers: Mapping[int, Labeller], rows: list[tuple[int, str, str, float]]) -> list[str]:
    """Return a line for each (model number, text, label, probability) that is not what that model's labeller says."""
    wrong = []
    for number, labeller in labellers.items():
        own = [row for row in rows if row[0] == number]
        for first in range(0, len(own), 512):
            part = own[first : first + 512]
            for row, right in zip(part, labeller.predict([text for _, text, _, _ in part]), strict=True):
                _, text, label, probability = row
                is_near = abs(probability - right.probability) <= 1e-5
                if not is_near or label != ("positive" if probability >= 0.5 else "negative"):
                    wrong.append(f"model {number}: {label} {probability} not {right} for {text[:40]!r}")
    unknown = [row for row in rows if row[0] not in labellers]
    return [*wrong, *(f"unknown model {row[0]}" for row in unknown)]
