"""The public interface of the model: texts in, labels with calibrated probabilities out.

Nothing here needs PyTorch, which only training uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Literal, NamedTuple

from model.artifact import SHIPPED, Artifact, read_artifact
from model.cache import AnswerCache, CacheStatistics
from model.classifier import Input, LoadOptions, Word
from model.kinds import find_kind

__all__ = [
    "CacheStatistics",
    "Explanation",
    "Labeller",
    "LoadOptions",
    "Prediction",
    "PreparedText",
    "Word",
    "load_labeller",
]


class Prediction(NamedTuple):
    """The label of one text. ``probability`` is the probability of positive; the label is positive from 0.5."""

    label: Literal["positive", "negative"]
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction and the words of the text, in order, with their contributions to the calibrated logit."""

    prediction: Prediction
    words: tuple[Word, ...]


class PreparedText(NamedTuple):
    """A text with its ``input`` to the classifier or, if cached, its ``answer`` (a probability)."""

    text: str
    input: Input | None
    answer: float | None = None

    @property
    def tokens(self) -> int:
        """Steps that the classifier computes; 0 when the answer is cached."""
        return self.input.tokens if self.input is not None else 0


class Labeller:
    """Label texts with one artifact. Not thread-safe: use it from one worker thread. It computes in the calling thread.

    ``sha256`` is the artifact's identity. Probabilities within ``uncertain_low .. uncertain_high`` are uncertain.
    ``test_accuracy`` (0..1) is the accuracy on all test data that the model card states, or None.
    """

    def __init__(self, artifact: Artifact, answer_cache_size: int, options: LoadOptions = LoadOptions()) -> None:
        configuration = artifact.configuration
        self.sha256 = artifact.sha256
        self.name = configuration.name
        self.uncertain_low = configuration.uncertain_low
        self.uncertain_high = configuration.uncertain_high
        self.test_accuracy = _test_accuracy(artifact)
        self._scale, self._shift = configuration.scale, configuration.shift
        self._classifier = find_kind(configuration.kind).load(artifact, options)
        self._cache = AnswerCache(answer_cache_size)

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """Normalise, segment and look up each text, or take its answer from the cache."""
        seen = {text: self._cache.get(text) for text in dict.fromkeys(texts)}
        unknown = [text for text, answer in seen.items() if answer is None]
        inputs = dict(zip(unknown, self._classifier.prepare(unknown), strict=True))
        prepared = {text: PreparedText(text, inputs.get(text), answer) for text, answer in seen.items()}
        return [prepared[text] for text in texts]

    def label(self, prepared: Sequence[PreparedText]) -> list[Prediction]:
        """Label the results of ``prepare``, in order. Equal inputs are computed once."""
        unknown = list(dict.fromkeys(one.input for one in prepared if one.answer is None))
        computed = dict(zip(unknown, map(self._calibrate, self._classifier.logits(unknown)), strict=True))
        predictions = []
        for one in prepared:
            probability = one.answer
            if probability is None:
                probability = computed[one.input]
                self._cache.put(one.text, probability)
            predictions.append(self._predict(probability))
        return predictions

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Return ``label(prepare(texts))``."""
        return self.label(self.prepare(texts))

    def explain(self, text: str) -> Explanation:
        """Return the contribution of each word. The words are pieces of the original ``text``.

        The probability equals that of ``predict`` to six digits.
        """
        logit, words = self._classifier.explain(text)
        scaled = tuple(replace(word, contribution=self._scale * word.contribution) for word in words)
        return Explanation(self._predict(self._calibrate(logit)), scaled)

    def words(self, text: str) -> list[str]:
        """Return the words of ``text``, in order. Thread-safe, unlike the other methods."""
        return self._classifier.words(text)

    def cache_statistics(self) -> CacheStatistics:
        """Return hits, misses and size of the answer cache."""
        return self._cache.statistics()

    def _calibrate(self, logit: float) -> float:
        return 1 / (1 + exp(-self._scale * logit - self._shift))

    def _predict(self, probability: float) -> Prediction:
        label: Literal["positive", "negative"] = "positive" if probability >= 0.5 else "negative"
        return Prediction(label, probability, self.uncertain_low <= probability <= self.uncertain_high)


def _test_accuracy(artifact: Artifact) -> float | None:
    match artifact.metrics:
        case {"test": {"pooled": {"accuracy": float(accuracy)}}}:
            return accuracy
    return None


def load_labeller(
    path: Path | None = None, *, answer_cache_size: int = 20_000, options: LoadOptions = LoadOptions()
) -> Labeller:
    """Load the artifact in ``path`` (None: the shipped one). Raises ArtifactError."""
    return Labeller(read_artifact(path or SHIPPED), answer_cache_size, options)
