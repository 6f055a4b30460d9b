"""Reviewed comments as training data, read from a file that the admin app exported or from the database.

A file is CSV or has one JSON object per line (``*.jsonl``), with ``text``, ``label`` (positive, negative, unclear or
spam) and optionally ``reviewed_at``. The newest review of a text is used; texts that are unclear or spam are left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from liuyan.text_files.columns import ColumnOptions
from model.files import open_comments
from model.normalise import character_table, normalise
from model.review_sources import REVIEWS, ReviewSource
from model.training.data import Comment, simplified_characters

REVIEWED_AT = "reviewed_at"
HELD_BACK = "held_back"
BY_USER = "by_user"
OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewed text; ``positive`` is None for unclear and spam.

    ``agreement`` is the share of reviewers who gave this label, 0..1. ``reviewer`` identifies the reviewer without a
    name, for example `reviewer 7`; it is None if unknown, like ``reviewed_at``.
    """

    text: str
    positive: bool | None
    source: ReviewSource
    reviewed_at: datetime | None = None
    agreement: float = 1.0
    reviewer: str | None = None


def read_reviews(path: Path, *, user_labels: bool = False) -> Iterator[Review]:
    """Yield the reviewed comments in ``path`` except those that are held back.

    Labels of people with the role user are left out too unless ``user_labels``. Raises CommentFileError.
    """
    left_out = (HELD_BACK,) if user_labels else (HELD_BACK, BY_USER)
    with open_comments(path, ColumnOptions(labels=True, others=(REVIEWED_AT, *left_out))) as file:
        for row, positive in file.labelled():
            if not any(_is_true(row.others.get(name, "")) for name in left_out):
                yield Review(row.text, positive, ReviewSource.FILE, _time(row.others.get(REVIEWED_AT, "")))


def newest_of_each_text(reviews: Iterable[Review]) -> list[Review]:
    """Return the newest review of each text, without those that are neither positive nor negative.

    Texts are equal if their normalised forms are: `真好👍` and `真好😡` are different texts.
    """
    table = character_table(simplified_characters())
    newest: dict[str, Review] = {}
    for review in reviews:
        key = " ".join(normalise(review.text, table).split())
        known = newest.get(key)
        if known is None or (known.reviewed_at or OLDEST) <= (review.reviewed_at or OLDEST):
            newest[key] = review
    return [review for review in newest.values() if review.positive is not None]


def as_comments(reviews: Iterable[Review], weight: float) -> list[Comment]:
    """Return labelled comments; each weighs ``weight`` times its agreement."""
    return [
        Comment(one.text, bool(one.positive), REVIEWS, float(bool(one.positive)), weight=weight * one.agreement)
        for one in reviews
    ]


def _is_true(written: str) -> bool:
    return written.strip().lower() in ("true", "1")


def _time(written: str) -> datetime | None:
    """Parse the time of a review, in UTC without an offset. Invalid times count as the oldest."""
    try:
        time = datetime.fromisoformat(written.strip())
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
