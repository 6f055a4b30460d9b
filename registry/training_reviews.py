"""Read reviews from the database as training data, without what is held back for comparing models."""

from dataclasses import dataclass

from model.review_sources import ReviewSource
from model.training.held_back import HeldBackTexts
from model.training.reviews import Review
from store.comments import ShownLabel
from store.export import ExportFilter, ReviewedText, export_reviews
from store.held_back import held_back_texts
from store.store import Store

# Reviewers who disagree have no majority for a label unless more than this share of them gave it.
HALF = 0.5


@dataclass(frozen=True, slots=True)
class DatabaseReviews:
    """Reviews for training, and the texts that no training may see."""

    reviews: list[Review]
    held_back: HeldBackTexts


async def read_database_reviews(store: Store, *, user_labels: bool = False) -> DatabaseReviews:
    """Read the newest reviewed text of each comment, and the texts that are held back.

    Comments that are held back are left out, and disputed ones unless more than half of their reviewers gave the
    current label. Reviews by accounts that had only the role user when labelling are left out unless ``user_labels`` is
    set. Raises TransientStoreError.
    """
    wanted = ExportFilter(disputed=True, user_labels=user_labels, newest_text=True)
    reviews = [
        _review(one)
        async for one in export_reviews(store, wanted)
        if not one.held_back and (not one.disputed or one.agreement > HALF)
    ]
    held_back = HeldBackTexts()
    async for text in held_back_texts(store):
        held_back.add(text)
    return DatabaseReviews(reviews, held_back)


def _review(one: ReviewedText) -> Review:
    positive = one.label == ShownLabel.POSITIVE if one.label in (ShownLabel.POSITIVE, ShownLabel.NEGATIVE) else None
    reviewer = "command" if one.reviewer_number is None else f"{one.role or 'deleted account'} {one.reviewer_number}"
    return Review(one.text, positive, ReviewSource.DATABASE, one.reviewed_at, one.agreement, reviewer)
