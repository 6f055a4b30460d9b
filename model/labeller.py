"""The one door to the model: texts in, labels with calibrated probabilities out.

PyTorch, which takes seconds to import, is imported when a model is loaded and not before: whoever starts a process
hears of a wrong setting or a missing server at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Literal

from model.artifact import SHIPPED, Artifact, read_artifact
from model.cache import AnswerCache, CacheStatistics
from model.ngrams import NgramTable, spell_out
from model.normalise import character_table, normalise
from model.pieces import cut_pieces
from model.segment import segment
from model.vocabulary import Vocabulary

__all__ = [
    "CacheStatistics",
    "Explanation",
    "Labeller",
    "Prediction",
    "PreparedText",
    "Word",
    "load_labeller",
    "use_one_core",
]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one text; ``probability`` is that of positive, positive from 0.5 on."""

    label: Literal["positive", "negative"]
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Word:
    """A piece ``start .. end`` (in code points) of the original text; ``contribution`` is above 0 where it speaks for
    positive: the calibrated logit falls by about so much when the piece is left out."""

    text: str
    start: int
    end: int
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction, and the words of the text in order with what each contributed to it."""

    prediction: Prediction
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A text on its way into the network: its word numbers and the characters whose n-grams are looked up, or the
    ``answer`` when that is known already."""

    text: str
    words: tuple[int, ...]
    characters: str
    answer: float | None = None

    @property
    def tokens(self) -> int:
        """Steps that the network takes for it; 0 when the answer is known."""
        return len(self.words)


class Labeller:
    """Labels texts with one artifact. Not thread-safe: use it from one worker thread.

    ``sha256`` is the artifact's identity; a probability within ``uncertain_low .. uncertain_high`` is uncertain.
    """

    def __init__(self, artifact: Artifact, answer_cache_size: int) -> None:
        from model.folded import FoldedNetwork

        configuration = artifact.configuration
        self.sha256 = artifact.sha256
        self.name = configuration.name
        self.uncertain_low = configuration.uncertain_low
        self.uncertain_high = configuration.uncertain_high
        self._scale, self._shift = configuration.scale, configuration.shift
        self._table = character_table(artifact.simplified)
        self._vocabulary = Vocabulary(artifact.words, configuration.maximum_tokens)
        self._network = FoldedNetwork(artifact.weights)
        self._ngrams = NgramTable(artifact.ngrams)
        self._cache = AnswerCache(answer_cache_size)

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """Normalise, segment and look up each text, or find its answer in the cache."""
        seen: dict[str, PreparedText] = {}
        for text in texts:
            if text not in seen:
                seen[text] = self._prepare(text)
        return [seen[text] for text in texts]

    def _prepare(self, text: str) -> PreparedText:
        answer = self._cache.get(text)
        if answer is not None:
            return PreparedText(text, (), "", answer)
        words = self.words(text)
        return PreparedText(text, self._vocabulary.look_up(words), spell_out(words, self._vocabulary.maximum_tokens))

    def label(self, prepared: Sequence[PreparedText]) -> list[Prediction]:
        """Run the network over what ``prepare`` gave, in the same order; equal texts are computed once."""
        unknown = list(dict.fromkeys((one.words, one.characters) for one in prepared if one.answer is None))
        computed = dict(zip(unknown, self._probabilities(unknown), strict=True))
        predictions = []
        for one in prepared:
            probability = one.answer
            if probability is None:
                probability = computed[one.words, one.characters]
                self._cache.put(one.text, probability)
            predictions.append(self._predict(probability))
        return predictions

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """``label(prepare(texts))``."""
        return self.label(self.prepare(texts))

    def explain(self, text: str) -> Explanation:
        """What each word contributed, in five forward passes at most. The words are pieces of ``text`` as it stands.

        The probability is that of ``predict`` to six digits. Of a text that is too long the middle is left out.
        """
        from model.explain import contributions

        pieces = cut_pieces(text, self._table, self._vocabulary)
        logit, fall = contributions(self._network, self._ngrams, pieces, self._vocabulary.maximum_tokens)
        words = tuple(
            Word(text[slice(*piece.span)], *piece.span, self._scale * value)
            for piece, value in zip(pieces, fall, strict=True)
            if piece.numbers
        )
        return Explanation(self._predict(self._calibrate(logit)), words)

    def words(self, text: str) -> list[str]:
        """The words that ``text`` is read as, in order. Unlike the rest it may be asked from any thread."""
        return segment(normalise(text, self._table))

    def cache_statistics(self) -> CacheStatistics:
        """Hits and misses of the answer cache, and how many answers it keeps."""
        return self._cache.statistics()

    def _probabilities(self, texts: Sequence[tuple[tuple[int, ...], str]]) -> list[float]:
        """Of texts as word numbers and characters."""
        network = self._network.logits([words for words, _ in texts]).tolist()
        ngrams = self._ngrams.logits([characters for _, characters in texts]).tolist()
        return [self._calibrate(sum(both)) for both in zip(network, ngrams, strict=True)]

    def _calibrate(self, logit: float) -> float:
        return 1 / (1 + exp(-self._scale * logit - self._shift))

    def _predict(self, probability: float) -> Prediction:
        label: Literal["positive", "negative"] = "positive" if probability >= 0.5 else "negative"
        return Prediction(label, probability, self.uncertain_low <= probability <= self.uncertain_high)


def load_labeller(path: Path | None = None, *, answer_cache_size: int = 20_000) -> Labeller:
    """Load the artifact in ``path`` (None: the shipped one). Raises ArtifactError with one sentence.

    Call ``use_one_core`` in the thread that labels, or leave PyTorch its threads.
    """
    return Labeller(read_artifact(path or SHIPPED), answer_cache_size)


def use_one_core() -> None:
    """Keep PyTorch to the calling thread; it would start a thread for each core, and others need those.

    A step of the network is too small to be shared: where another process wants a second core, steps wait for it.
    """
    import torch

    torch.set_num_threads(1)
