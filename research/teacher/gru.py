"""A trained artifact as a teacher."""

from collections.abc import Mapping
from dataclasses import replace
from math import log
from pathlib import Path

from model.artifact import SHIPPED, read_artifact
from model.labeller import Labeller
from model.ngrams import NONE
from research.teacher.answers import Reply

# A probability in float64 can be 1; its logit cannot.
CLOSEST = 1e-7


class GruTeacher:
    """The artifact in a folder; its digest is the artifact's."""

    width = 0

    def __init__(self, path: Path | None) -> None:
        """``path`` None is the shipped artifact. Raises ArtifactError."""
        # Its network alone: its n-grams would repeat the labels of the comments that they learnt from.
        self._labeller = Labeller(replace(read_artifact(path or SHIPPED), ngrams=NONE), 0)
        self.digest = self._labeller.sha256
        self.name = f"gru {self.digest[:8]}"

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """Calibrated logits for texts by their digests."""
        probabilities = (one.probability for one in self._labeller.predict(list(comments.values())))
        bounded = (min(max(one, CLOSEST), 1 - CLOSEST) for one in probabilities)
        return Reply([log(one / (1 - one)) for one in bounded])
