"""Reviewed comments as a source: what people decided in the review queue, as the export writes it.

CSV, or one JSON object a line (``*.jsonl``), with ``text``, ``label`` (positive, negative, unclear or spam) and, where
known, ``reviewed_at``: of several reviews of one text the newest decides, and unclear or spam leaves the text out.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from liuyan.model.data import REVIEWS, Comment, digest
from liuyan.model.errors import CommentFileError
from liuyan.model.files import read_rows

# What a label means for training; None leaves the comment out.
DECISIONS: dict[str, bool | None] = {"positive": True, "1": True, "negative": False, "0": False}
DECISIONS |= dict.fromkeys(("unclear", "spam"))


def read_reviews(path: Path, weight: float) -> list[Comment]:
    """The reviewed comments in ``path``, each counting ``weight``. Raises CommentFileError with one sentence."""
    newest: dict[str, tuple[str, str, bool | None]] = {}
    for line, row in enumerate(_rows(path), start=1):
        text, label = row.get("text"), row.get("label")
        if not isinstance(text, str) or not isinstance(label, str):
            raise CommentFileError(f"{path}, review {line}: there is no text or no label.")
        if label not in DECISIONS:
            raise CommentFileError(
                f"{path}, review {line}: the label {label!r} is none of positive, negative, unclear and spam."
            )
        review = (str(row.get("reviewed_at") or ""), text, DECISIONS[label])
        key = digest(text)
        if key not in newest or newest[key][0] <= review[0]:
            newest[key] = review
    decided = [(text, positive) for _, text, positive in newest.values() if positive is not None]
    return [Comment(text, positive, REVIEWS, float(positive), weight=weight) for text, positive in decided]


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    if path.suffix != ".jsonl":
        yield from read_rows(path, ("text",), optional=("label", "reviewed_at"))
        return
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _parse(line, path, number)
    except (OSError, UnicodeDecodeError) as error:
        raise CommentFileError(f"{path} cannot be read as UTF-8: {error}.") from error


def _parse(line: str, path: Path, number: int) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CommentFileError(f"{path}, line {number}: this is no JSON object.") from error
    if not isinstance(row, dict):
        raise CommentFileError(f"{path}, line {number}: this is no JSON object.")
    return dict(row)
