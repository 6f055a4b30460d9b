"""The interface of a kind of model: texts in, logits out.

A logit above 0 means positive. For every kind, ``Labeller`` calibrates logits to probabilities, caches them and
computes equal inputs once. ``model.kinds`` lists the kinds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:  # model.artifact imports this module
    from pathlib import Path

    from model.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Word:
    """The piece ``start .. end`` (in code points) of the original text.

    Without the piece the logit falls by about ``contribution``, which is above 0 when the piece points to positive.
    """

    text: str
    start: int
    end: int
    contribution: float


class Input(Protocol):
    """A text as a classifier reads it. Inputs are hashable, and equal inputs have equal logits."""

    @property
    def tokens(self) -> int:
        """Steps that the classifier computes, at most the configuration's ``maximum_tokens``."""

    def __hash__(self) -> int: ...


I = TypeVar("I", bound=Input)  # noqa: E741 - the usual name of an input type


class Classifier(Protocol[I]):
    """A loaded model. Only one worker thread may call it, except for ``words``, which is thread-safe."""

    def words(self, text: str) -> list[str]:
        """Return the words of ``text``, in order."""

    def prepare(self, texts: Sequence[str]) -> list[I]:
        """Do all work that depends on one text only, for each of ``texts``.

        Accepts any strings; the size of each result is bounded.
        """

    def logits(self, inputs: Sequence[I]) -> list[float]:
        """Return the logit of each input, in order. Other inputs change it by rounding errors at most."""

    def explain(self, text: str) -> tuple[float, list[Word]]:
        """Return the logit of ``text`` and its words, in order, with their contributions."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a classifier: a folder for data that processes on the machine share, or None; and whether it may
    multiply in bfloat16, which is faster and less precise."""

    shared: "Path | None" = None
    bfloat16: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of model.

    ``check`` raises ValueError or TypeError when the parts of an artifact do not match. ``load`` creates a classifier
    from a checked artifact.
    """

    check: "Callable[[Artifact], None]"
    load: "Callable[[Artifact, LoadOptions], Classifier[Any]]"
