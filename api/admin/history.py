"""The timeline of one comment: versions, predictions, reviews and dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from store.comments import CommentHistory, EarlierVersion, StoredDeadLetter, StoredPrediction, StoredReview

Kind = Literal["stored", "replaced", "prediction", "review", "withdrawal", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Event:
    """An event in a comment's history. ``what`` is its row; None when the current text was stored."""

    at: datetime
    kind: Kind
    what: EarlierVersion | StoredDeadLetter | StoredPrediction | StoredReview | None = None


def timeline(history: CommentHistory) -> Sequence[Event]:
    """Return all events, newest first."""
    events = [
        *([Event(history.comment.stored_at, "stored")] if history.comment else []),
        *(Event(version.replaced_at, "replaced", version) for version in history.earlier_versions),
        *(Event(prediction.predicted_at, "prediction", prediction) for prediction in history.predictions),
        *(
            Event(review.reviewed_at, "review" if review.withdraws is None else "withdrawal", review)
            for review in history.reviews
        ),
        *(Event(letter.stored_at, "dead_letter", letter) for letter in history.dead_letters),
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)
