"""Which reviews a model was trained on, as recorded in the metrics of its artifact."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

# The name of reviewed comments among the sources of training comments.
REVIEWS = "reviews"


class ReviewSource(StrEnum):
    """Where reviews come from."""

    DATABASE = "database"
    FILE = "file"


def review_sources(metrics: Mapping[str, Any]) -> frozenset[ReviewSource]:
    """Return the sources of reviews that a model, or a model that it started from, was trained on.

    Artifacts that were written before ``review_sources`` existed could read reviews only from a file.
    """
    if "review_sources" in metrics:
        return frozenset(map(ReviewSource, metrics["review_sources"]))
    trainings = [metrics, metrics.get("before", {})]
    from_file = any(REVIEWS in rows for one in trainings for rows in one.get("rows", {}).values())
    return frozenset([ReviewSource.FILE] if from_file else [])
