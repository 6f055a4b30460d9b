"""Read reviewed comments as exported from the review queue.

The file is CSV or has one JSON object per line (``*.jsonl``), with ``text``, ``label`` (positive, negative, unclear or
spam) and optionally ``reviewed_at``. The newest review of a text is used; texts that are unclear or spam are left out.
"""

from datetime import UTC, datetime
from pathlib import Path

from liuyan.text_files.columns import ColumnOptions
from model.files import open_comments
from model.normalise import character_table, normalise
from model.training.data import REVIEWS, Comment, simplified_characters

REVIEWED_AT = "reviewed_at"


def read_reviews(path: Path, weight: float) -> list[Comment]:
    """Read the reviewed comments in ``path`` and give each this ``weight``. Raises CommentFileError.

    Texts are equal if their normalised forms are: `真好👍` and `真好😡` are different texts.
    """
    table = character_table(simplified_characters())
    newest: dict[str, tuple[datetime, str, bool | None]] = {}
    with open_comments(path, ColumnOptions(labels=True, others=(REVIEWED_AT,))) as file:
        for row, positive in file.labelled():
            review = (_time(row.others.get(REVIEWED_AT, "")), row.text, positive)
            key = " ".join(normalise(row.text, table).split())
            if key not in newest or newest[key][0] <= review[0]:
                newest[key] = review
    decided = [(text, positive) for _, text, positive in newest.values() if positive is not None]
    return [Comment(text, positive, REVIEWS, float(positive), weight=weight) for text, positive in decided]


def _time(written: str) -> datetime:
    """Parse the time of a review, in UTC without an offset. Invalid times count as the oldest."""
    try:
        time = datetime.fromisoformat(written.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
