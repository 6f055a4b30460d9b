"""Describe the reviews that a model is trained on, for the metrics of its artifact.

``review_sources`` lists the sources of reviews of the model and of all models that its training started from;
``reviews`` describes the reviews of the last training by source. Reviewers are numbers of accounts, never names.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from model.review_sources import REVIEWS, ReviewSource, review_sources
from model.training.data import Comment
from model.training.reviews import Review


def describe_reviews(
    comments: Mapping[str, Comment], reviews: Sequence[Review], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the entries ``review_sources`` and ``reviews`` of the metrics of a training on ``comments``.

    ``reviews`` are all reviews that were read; only those among ``comments`` count. ``before`` has the metrics of the
    artifact that the training starts from.
    """
    kept = {one.text for one in comments.values() if one.source == REVIEWS}
    used = [review for review in reviews if review.text in kept]
    inherited = frozenset[ReviewSource]() if before is None else review_sources(before)
    # Reviews that the caller does not describe may be any comments, like those from a file.
    others = {ReviewSource.FILE} if kept - {review.text for review in used} else set()
    sources = sorted({review.source for review in used} | others | inherited)
    described = {source: _describe([one for one in used if one.source == source]) for source in ReviewSource}
    return {"review_sources": sources} | {"reviews": {source: one for source, one in described.items() if one}}


def _describe(reviews: Sequence[Review]) -> dict[str, Any]:
    """Return the number of reviews, the first and last time and, where known, the numbers by reviewer and role."""
    if not reviews:
        return {}
    times = [review.reviewed_at for review in reviews if review.reviewed_at is not None]
    found: dict[str, Any] = {"used": len(reviews)}
    if times:
        found |= {"first": min(times).isoformat(), "last": max(times).isoformat()}
    reviewers = Counter(review.reviewer for review in reviews if review.reviewer is not None)
    return found | ({"by_reviewer": dict(sorted(reviewers.items()))} if reviewers else {})
