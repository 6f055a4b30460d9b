"""What a type of model implements to be served: texts in, logits out.

A logit above 0 means positive. ``Labeller`` calibrates logits to probabilities, caches answers and computes
equal inputs once, for every type alike. ``model.kinds`` lists the types.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:  # artifacts are read with the help of their kind
    from model.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Word:
    """A piece ``start .. end`` (in code points) of the original text; ``contribution`` is above 0 where it speaks for
    positive: the logit falls by about so much when the piece is left out."""

    text: str
    start: int
    end: int
    contribution: float


class Input(Protocol):
    """A text in the form that a classifier reads. Inputs are hashable, and equal ones have equal logits."""

    @property
    def tokens(self) -> int:
        """Steps that the classifier computes for it, at most the configuration's ``maximum_tokens``."""

    def __hash__(self) -> int: ...


I = TypeVar("I", bound=Input)  # noqa: E741 - the classifier's own type of input


class Classifier(Protocol[I]):
    """A loaded model. One worker thread calls it; ``words`` may be called from any thread."""

    def words(self, text: str) -> list[str]:
        """The words that ``text`` is read as, in order."""

    def prepare(self, text: str) -> I:
        """Everything that is done with one text alone. Accepts any string, and the result is bounded."""

    def logits(self, inputs: Sequence[I]) -> list[float]:
        """The logit of each input, in order; the other inputs change it by rounding errors at most."""

    def explain(self, text: str) -> tuple[float, list[Word]]:
        """The logit of ``text``, and its words in order with what each contributes to it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of model. ``check`` raises ValueError or TypeError when an artifact's parts do not match; ``load`` makes a
    classifier of an artifact that was checked. Both import what is slow to import (PyTorch) when they are called."""

    check: "Callable[[Artifact], None]"
    load: "Callable[[Artifact], Classifier[Any]]"
