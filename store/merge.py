"""The contract's rules as pure functions: stored state and events in, new state out.

lock_keys.py and write.py call them with the state that was read under lock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from store.batch import Arrival, Content, Label, Prediction, Tombstone
from store.ranges import DAY, HOUR, bucket_of


@dataclass(frozen=True, slots=True)
class CurrentReview:
    """The newest review of the current text."""

    number: int
    label: str


@dataclass(frozen=True, slots=True)
class StoredState:
    """The stored state of one key: the comment, predictions by model number, the version up to which it is erased, and
    its review."""

    content: Content | None = None
    predictions: Mapping[int, Prediction] = field(default_factory=dict)
    erased_up_to: int | None = None
    review: CurrentReview | None = None


@dataclass(slots=True)
class Outcome:
    """The state of one key after its events, and the events' effects.

    ``replaced`` are contents whose text an edit replaced; the edit removes their predictions and review. ``erased``
    means that a tombstone erased the comment. ``effects`` has one of BatchOutcome's field names for each event.
    """

    content: Content | None
    predictions: dict[int, Prediction]
    erased_up_to: int | None
    review: CurrentReview | None = None
    replaced: list[Content] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    erased: bool = False


# A platform and the hour of created_at.
PlatformHour = tuple[str, datetime]

ABSENT = StoredState()

ALL_PLATFORMS = ""
# The counts of purged comments are kept under this number, with the labels that were shown.
PURGED_MODEL = 0


class Labelled(NamedTuple):
    """The attributes by which a labelled comment is counted; ``review`` is the label of the current review."""

    model_number: int
    platform: str
    hour: datetime
    label: str
    uncertain: bool
    review: str | None


class HourlyCount(NamedTuple):
    """The key columns of an hourly count; ``hour`` is that of created_at."""

    model_number: int
    platform: str
    hour: datetime
    label: str
    uncertain: bool


class CountSum(NamedTuple):
    """The key columns of a sum; ``bucket`` is HOUR or DAY (UTC), ``platform`` may be ALL_PLATFORMS."""

    model_number: int
    bucket: str
    platform: str
    begins: datetime


class CommentCount(NamedTuple):
    """The key columns of a count of stored comments; ``bucket`` and ``platform`` are those of ``CountSum``."""

    bucket: str
    platform: str
    begins: datetime


class ReviewerCount(NamedTuple):
    """The key columns of a count of reviews; ``platform`` may be ALL_PLATFORMS."""

    bucket: str
    begins: datetime
    reviewer_number: int
    model_number: int
    platform: str
    label: str
    reviewed_label: str


def merge_events(
    stored: StoredState, events: Sequence[Arrival | Tombstone], model: int, horizon: datetime | None = None
) -> Outcome:
    """Apply the events of one key, in order of arrival, to its stored state; ``model`` is that of their predictions.

    A comment that is not stored and was created before ``horizon`` has been purged and does not return.
    """
    if stored is ABSENT and horizon is None and len(events) == 1 and isinstance(events[0], Arrival):
        # The usual case, with less work.
        return Outcome(events[0].content, {model: events[0].prediction}, None, effects=["new"])
    outcome = Outcome(stored.content, dict(stored.predictions), stored.erased_up_to, stored.review)
    for event in events:
        if isinstance(event, Tombstone):
            _erase(outcome, event)
            outcome.effects.append("erased")
        else:
            outcome.effects.append(_merge_event(outcome, event, model, horizon))
    return outcome


def _merge_event(outcome: Outcome, event: Arrival, model: int, horizon: datetime | None) -> str:
    """Apply a comment event; return its effect, a field name of BatchOutcome."""
    current = outcome.content
    if outcome.erased_up_to is not None and event.content.version <= outcome.erased_up_to:
        return "erased_before"
    if current is not None and event.content.version < current.version:
        return "late"
    prediction, arrived = event.prediction, event.content
    if current is None:
        if horizon is not None and arrived.created_at < horizon:
            return "purged_before"
        outcome.content, outcome.predictions = arrived, {model: prediction}
        return "new"
    if current.text != arrived.text:
        outcome.replaced.append(current)
        outcome.content, outcome.predictions, outcome.review = arrived, {model: prediction}, None
        return "edited"
    outcome.predictions.setdefault(model, prediction)
    if current == arrived:
        return "same"
    outcome.content = arrived
    return "touched"


def _erase(outcome: Outcome, event: Tombstone) -> None:
    """Apply a tombstone; ``erased_up_to`` becomes the latest of the tombstone's time, the stored version and
    earlier erasures."""
    known = [event.timestamp]
    if outcome.content is not None:
        known.append(outcome.content.version)
    if outcome.erased_up_to is not None:
        known.append(outcome.erased_up_to)
    outcome.content, outcome.predictions, outcome.review, outcome.replaced = None, {}, None, []
    outcome.erased_up_to, outcome.erased = max(known), True


def count_changes(platform: str, before: StoredState, after: Outcome, changes: Counter[Labelled]) -> None:
    """Add to ``changes`` the change in the number of comments, per ``Labelled``."""
    for state, by in ((before, -1), (after, 1)):
        if state.content is not None:
            review = None if state.review is None else state.review.label
            for kind in labelled_as(platform, state.content.created_at, state.predictions, review):
                changes[kind] += by


def count_keys(
    keys: Iterable[tuple[str, StoredState, Outcome]],
) -> tuple[Counter[Labelled], Counter[PlatformHour]]:
    """Return the sums of ``count_changes`` and ``comment_changes`` for keys (platform, before, after).

    New comments are counted in one pass each, because most are new.
    """
    changes: Counter[Labelled] = Counter()
    stored: Counter[PlatformHour] = Counter()
    hours: list[PlatformHour] = []
    labelled: list[tuple[object, ...]] = []
    for platform, before, after in keys:
        content = after.content
        if before.content is not None or content is None or after.review is not None:
            count_changes(platform, before, after, changes)
            comment_changes(platform, before.content, content, stored)
            continue
        hour = bucket_of(HOUR, content.created_at)
        hours.append((platform, hour))
        for model, (label, _, uncertain) in after.predictions.items():
            labelled.append((model, platform, hour, label, uncertain, None))
    stored.update(hours)
    for kind, n in Counter(labelled).items():
        changes[Labelled._make(kind)] += n
    return changes, stored


def labelled_as(
    platform: str, created_at: datetime, predictions: Mapping[int, Prediction], review: str | None
) -> Iterator[Labelled]:
    """Yield one ``Labelled`` per model that labelled the comment."""
    hour = bucket_of(HOUR, created_at)
    for model, prediction in predictions.items():
        yield Labelled(model, platform, hour, prediction.label, prediction.uncertain, review)


def hourly_changes(changes: Mapping[Labelled, int]) -> dict[HourlyCount, int]:
    """Return the change of each hourly count, which ignores reviews."""
    hourly: dict[HourlyCount, int] = {}
    for kind, n in changes.items():
        key = HourlyCount(kind.model_number, kind.platform, kind.hour, kind.label, kind.uncertain)
        hourly[key] = hourly.get(key, 0) + n
    return hourly


def sum_changes(changes: Mapping[Labelled, int]) -> dict[CountSum, dict[str, int]]:
    """Return the change of each sum, by column of ``count_sums``."""
    sums: dict[CountSum, dict[str, int]] = {}
    for kind, n in changes.items():
        counted = _summed_as(kind)
        moving = [column for column, counts in counted.items() if counts]
        for bucket in _buckets(kind.platform, kind.hour):
            key = CountSum(kind.model_number, *bucket)
            moved = sums.get(key)
            if moved is None:
                moved = sums[key] = dict.fromkeys(counted, 0)
            for column in moving:
                moved[column] += n
    return sums


def comment_changes(
    platform: str, before: Content | None, after: Content | None, changes: Counter[PlatformHour]
) -> None:
    """Add to ``changes`` the change in the number of stored comments."""
    for content, by in ((before, -1), (after, 1)):
        if content is not None:
            changes[platform, bucket_of(HOUR, content.created_at)] += by


def comment_counts(changes: Mapping[PlatformHour, int]) -> Counter[CommentCount]:
    """Return the change of each count of stored comments."""
    counts: Counter[CommentCount] = Counter()
    for (platform, hour), n in changes.items():
        for bucket in _buckets(platform, hour):
            counts[CommentCount(*bucket)] += n
    return counts


def _buckets(platform: str, hour: datetime) -> tuple[tuple[str, str, datetime], ...]:
    """Return the sums that a comment counts in: all platforms by hour, and its platform by hour and by day."""
    return (HOUR, ALL_PLATFORMS, hour), (HOUR, platform, hour), (DAY, platform, bucket_of(DAY, hour))


def _summed_as(kind: Labelled) -> dict[str, bool]:
    """Return the columns of ``count_sums``, and whether a labelled comment counts in each."""
    shown = kind.review or kind.label
    undecided = kind.uncertain and kind.review is None
    return {
        "positive": kind.label == Label.POSITIVE,
        "negative": kind.label == Label.NEGATIVE,
        "uncertain": kind.uncertain,
        "shown_positive": shown == Label.POSITIVE,
        "unclear": shown == "unclear",
        "spam": shown == "spam",
        "reviewed": kind.review is not None,
        "corrected": shown != kind.label,
        "uncertain_positive": undecided and kind.label == Label.POSITIVE,
        "uncertain_negative": undecided and kind.label == Label.NEGATIVE,
    }


def by_key(events: Sequence[Arrival | Tombstone]) -> dict[tuple[str, str], list[Arrival | Tombstone]]:
    """Group events by (platform, id), sorted, so that all writers lock in the same order; events keep their order."""
    grouped: dict[tuple[str, str], list[Arrival | Tombstone]] = {}
    for event in events:
        grouped.setdefault((event.platform, event.id), []).append(event)
    return {key: grouped[key] for key in sorted(grouped)}
