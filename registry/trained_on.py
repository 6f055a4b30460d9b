"""Which reviews a model was trained on, from the metrics of its artifact. Accuracy on those comments is biased."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from model.review_sources import ReviewSource, review_sources


class TrainedOn(StrEnum):
    """Which reviews a model may have been trained on.

    ``database``: reviews that were read from a database, without the comments that are held back. ``file``: reviews
    from a file, which may contain comments that are held back. ``unknown``: the artifact is not available.
    """

    NONE = "none"
    DATABASE = "database"
    FILE = "file"
    UNKNOWN = "unknown"


def trained_on(metrics: Mapping[str, Any]) -> TrainedOn:
    """Return which reviews the model with these metrics, or a model that it started from, was trained on."""
    sources = review_sources(metrics)
    if ReviewSource.FILE in sources:
        return TrainedOn.FILE
    return TrainedOn.DATABASE if ReviewSource.DATABASE in sources else TrainedOn.NONE
