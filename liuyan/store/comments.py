"""Reading comments with the label that everything shows: the newest review's, else a model's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from liuyan.store.store import Store


class LabelSource(StrEnum):
    """Where the label that is shown comes from."""

    REVIEW = "review"
    ACTIVE_MODEL = "active_model"
    OTHER_MODEL = "other_model"


class ShownLabel(StrEnum):
    """What a model or a reviewer says of a comment."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCLEAR = "unclear"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class CommentFilter:
    """Which comments to list; None does not filter. ``created_from`` is included, ``created_to`` is not."""

    platform: str | None = None
    label: ShownLabel | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    uncertain: bool | None = None


@dataclass(frozen=True, slots=True)
class Keyset:
    """The last comment of a page: the next page begins behind it. ``number`` is the comment's row."""

    created_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class LabelledComment:
    """A comment with the label that is shown. ``probability`` is that of positive, by the model ``model`` (SHA-256);
    all of these are None where no model has seen the text, ``label`` too when nobody has reviewed it.
    """

    platform: str
    id: str
    text: str
    version: int
    created_at: datetime
    edited_at: datetime | None
    author: str | None
    thread: str | None
    stored_at: datetime
    label: ShownLabel | None
    probability: float | None
    uncertain: bool | None
    label_source: LabelSource | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of comments, newest first; ``next`` is None on the last page."""

    items: Sequence[LabelledComment]
    next: Keyset | None


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """What one model thinks of the text that stands. ``probability`` is that of positive."""

    model: str
    model_name: str
    active: bool
    label: ShownLabel
    probability: float
    uncertain: bool
    predicted_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A text that an edit replaced."""

    version: int
    text: str
    created_at: datetime
    edited_at: datetime | None
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A record of this key that could not become a comment. ``record_timestamp`` is in milliseconds since 1970."""

    number: int
    group: str
    topic: str
    partition: int
    offset: int
    record_timestamp: int
    reason: str
    detail: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class CommentHistory:
    """What became of the events of one key. ``comment`` is None where only dead letters are known."""

    comment: LabelledComment | None
    predictions: Sequence[StoredPrediction]
    earlier_versions: Sequence[EarlierVersion]
    dead_letters: Sequence[StoredDeadLetter]


async def list_comments(store: Store, wanted: CommentFilter, after: Keyset | None, limit: int) -> Page:
    """A page of at most ``limit`` comments, newest first, behind ``after``."""
    raise NotImplementedError


async def comment_history(store: Store, platform: str, id: str) -> CommentHistory | None:
    """What is known of a comment, or None."""
    raise NotImplementedError
