"""Use a trained artifact as a teacher."""

from collections.abc import Mapping
from dataclasses import replace
from math import log
from pathlib import Path

from model.artifact import SHIPPED, read_artifact
from model.labeller import Labeller
from model.ngrams import NONE
from research.teacher.answers import Reply

# A probability may be rounded to 1, which has no logit.
CLOSEST = 1e-7


class GruTeacher:
    """A teacher with the network of an artifact and the artifact's digest."""

    width = 0

    def __init__(self, path: Path | None) -> None:
        """Load the artifact in ``path`` (None: the shipped one). Raises ArtifactError."""
        # Without n-grams, which would repeat the labels of their training comments.
        self._labeller = Labeller(replace(read_artifact(path or SHIPPED), ngrams=NONE), 0)
        self.digest = self._labeller.sha256
        self.name = f"gru {self.digest[:8]}"

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """Return calibrated logits for texts, given by digest."""
        probabilities = (one.probability for one in self._labeller.predict(list(comments.values())))
        bounded = (min(max(one, CLOSEST), 1 - CLOSEST) for one in probabilities)
        return Reply([log(one / (1 - one)) for one in bounded])
