"""The one door to the model: texts in, labels with calibrated probabilities out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one text; ``probability`` is that of positive, positive from 0.5 on."""

    label: Literal["positive", "negative"]
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A text on its way into the network. ``tokens`` is 0 when the answer is known already."""

    tokens: int


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Counts since the labeller was loaded; ``size`` is the number of answers kept now."""

    hits: int
    misses: int
    size: int


class Labeller:
    """Labels texts with one artifact. Not thread-safe: use it from one worker thread."""

    sha256: str
    name: str
    uncertain_low: float
    uncertain_high: float

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """Normalise, segment and look up each text, or find its answer in the cache."""
        raise NotImplementedError

    def label(self, prepared: Sequence[PreparedText]) -> list[Prediction]:
        """Run the network over what ``prepare`` gave, in the same order."""
        raise NotImplementedError

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """``label(prepare(texts))``."""
        return self.label(self.prepare(texts))

    def cache_statistics(self) -> CacheStatistics:
        """Hits and misses of the answer cache, and how many answers it keeps."""
        raise NotImplementedError


def load_labeller(path: Path | None = None, *, answer_cache_size: int = 20_000) -> Labeller:
    """Load the artifact in ``path`` (None: the shipped one). Raises ArtifactError with one sentence."""
    raise NotImplementedError
