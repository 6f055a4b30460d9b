"""Reviewed comments as a source: what people decided in the review queue, as the export writes it.

CSV, or one JSON object a line (``*.jsonl``), with ``text``, ``label`` (positive, negative, unclear or spam) and, where
known, ``reviewed_at``: of several reviews of one text the newest decides, and unclear or spam leaves the text out.
"""

from datetime import UTC, datetime
from pathlib import Path

from liuyan.text_files.columns import ColumnOptions
from model.files import open_comments
from model.normalise import character_table, normalise
from model.training.data import REVIEWS, Comment, simplified_characters

REVIEWED_AT = "reviewed_at"


def read_reviews(path: Path, weight: float) -> list[Comment]:
    """The reviewed comments in ``path``, each counting ``weight``. Raises CommentFileError with one sentence.

    Texts are one text if the model reads them alike: `真好👍` and `真好😡` are two.
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
    """When a review was made, in UTC where it names no offset; what is no time counts as the oldest."""
    try:
        time = datetime.fromisoformat(written.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
