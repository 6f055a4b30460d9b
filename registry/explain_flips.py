"""Find the words that decide a model's label for the examples of a comparison, and what the model was trained on."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from liuyan.settings import Settings
from model.artifact import read_artifact
from model.errors import ArtifactError
from model.labeller import Labeller
from registry.artifacts import obtain_artifact
from registry.trained_on import TrainedOn, trained_on
from store.models import read_models
from store.store import Store

# The most words that are stored for a text, those with the largest contributions.
DECIDING_WORDS = 8
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Explained:
    """What a model was trained on, and its deciding words by comment: JSON, a list of [start, end, contribution]."""

    trained_on: TrainedOn
    words: Mapping[int, str]


async def explain_texts(store: Store, settings: Settings, model_number: int, texts: Mapping[int, str]) -> Explained:
    """Explain a model's labels of ``texts`` (by comment number).

    Without the model's artifact there are no words, and the training is known only if the model was registered. Raises
    TransientStoreError.
    """
    model = (await store.read(read_models)).get(model_number)
    if model is None:
        return Explained(TrainedOn.UNKNOWN, {})
    try:
        folder = await obtain_artifact(store, model, settings)
        return await asyncio.to_thread(_explain, folder, texts)
    except ArtifactError as error:
        log.warning("the deciding words of a model are not available", model=model_number, error=str(error))
        return Explained(TrainedOn(model.trained_on or TrainedOn.UNKNOWN), {})


def _explain(folder: Path, texts: Mapping[int, str]) -> Explained:
    artifact = read_artifact(folder)
    labeller = Labeller(artifact, answer_cache_size=0)
    words = {number: _deciding_words(labeller, text) for number, text in texts.items()}
    return Explained(trained_on(artifact.metrics), words)


def _deciding_words(labeller: Labeller, text: str) -> str:
    words = [(word.start, word.end, round(word.contribution, 3)) for word in labeller.explain(text).words]
    top = sorted(words, key=lambda word: -abs(word[2]))[:DECIDING_WORDS]
    return json.dumps(sorted(word for word in top if word[2]))
