"""The contract's rules, as pure functions: what stands and what arrived give what shall stand.

Nothing here reads or writes: write.py calls it with what it has read under lock.
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
    """The newest review of the text that stands."""

    number: int
    label: str


@dataclass(frozen=True, slots=True)
class StoredState:
    """What the database holds of one key: the comment, each model's prediction by its number, up to which version it
    was erased before, and what a person decided."""

    content: Content | None = None
    predictions: Mapping[int, Prediction] = field(default_factory=dict)
    erased_up_to: int | None = None
    review: CurrentReview | None = None


@dataclass(slots=True)
class Outcome:
    """What shall stand once the events were applied in order, and what the way there leaves behind.

    ``replaced`` are contents whose text an edit replaced, and with it go predictions and review; ``erased`` says that
    everything that hung on the comment was erased on the way. ``outcomes`` says of each event what it was, in
    BatchOutcome's words.
    """

    content: Content | None
    predictions: dict[int, Prediction]
    erased_up_to: int | None
    review: CurrentReview | None = None
    replaced: list[Content] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    erased: bool = False


ABSENT = StoredState()

ALL_PLATFORMS = ""


class Labelled(NamedTuple):
    """What a labelled comment is counted as; ``review`` is the label of the review that stands."""

    model_number: int
    platform: str
    hour: datetime
    label: str
    uncertain: bool
    review: str | None


class HourlyCount(NamedTuple):
    """The key of an hourly count, by column; ``hour`` is that of created_at."""

    model_number: int
    platform: str
    hour: datetime
    label: str
    uncertain: bool


class CountSum(NamedTuple):
    """The key of a sum, by column: ``bucket`` is HOUR or DAY (UTC), ``platform`` may be ALL_PLATFORMS."""

    model_number: int
    bucket: str
    platform: str
    begins: datetime


class ReviewerCount(NamedTuple):
    """The key of a count of what reviewers did, by column; ``platform`` may be ALL_PLATFORMS."""

    bucket: str
    begins: datetime
    reviewer_number: int
    model_number: int
    platform: str
    label: str
    reviewed_label: str


def merge_events(standing: StoredState, events: Iterable[Arrival | Tombstone], model: int) -> Outcome:
    """Fold the events of one key, in order of arrival, into what stands; ``model`` is whose predictions they carry."""
    outcome = Outcome(standing.content, dict(standing.predictions), standing.erased_up_to, standing.review)
    for event in events:
        if isinstance(event, Tombstone):
            _erase(outcome, event)
            outcome.outcomes.append("erased")
        else:
            outcome.outcomes.append(_arrive(outcome, event, model))
    return outcome


def _arrive(outcome: Outcome, event: Arrival, model: int) -> str:
    """Apply one comment event; say what it was, in BatchOutcome's words."""
    stands = outcome.content
    if outcome.erased_up_to is not None and event.content.version <= outcome.erased_up_to:
        return "erased_before"
    if stands is not None and event.content.version < stands.version:
        return "late"
    prediction, arrived = event.prediction, event.content
    if stands is None:
        outcome.content, outcome.predictions = arrived, {model: prediction}
        return "new"
    if stands.text != arrived.text:
        outcome.replaced.append(stands)
        outcome.content, outcome.predictions, outcome.review = arrived, {model: prediction}, None
        return "edited"
    outcome.predictions.setdefault(model, prediction)
    if stands == arrived:
        return "same"
    outcome.content = arrived
    return "touched"


def _erase(outcome: Outcome, event: Tombstone) -> None:
    """Apply a tombstone: the later of its time, the stored version and an earlier erasure is remembered."""
    known = [event.timestamp]
    if outcome.content is not None:
        known.append(outcome.content.version)
    if outcome.erased_up_to is not None:
        known.append(outcome.erased_up_to)
    outcome.content, outcome.predictions, outcome.review, outcome.replaced = None, {}, None, []
    outcome.erased_up_to, outcome.erased = max(known), True


def count_changes(platform: str, before: StoredState, after: Outcome, changes: Counter[Labelled]) -> None:
    """Add to ``changes`` how many labelled comments there are more or fewer of each kind."""
    for standing, by in ((before, -1), (after, 1)):
        if standing.content is not None:
            review = None if standing.review is None else standing.review.label
            for kind in labelled_as(platform, standing.content.created_at, standing.predictions, review):
                changes[kind] += by


def labelled_as(
    platform: str, created_at: datetime, predictions: Mapping[int, Prediction], review: str | None
) -> Iterator[Labelled]:
    """What one comment is counted as: once for each model that labelled it."""
    hour = bucket_of(HOUR, created_at)
    for model, prediction in predictions.items():
        yield Labelled(model, platform, hour, prediction.label, prediction.uncertain, review)


def hourly_changes(changes: Mapping[Labelled, int]) -> dict[HourlyCount, int]:
    """By how much each hourly count moves, which knows of no review."""
    hourly: dict[HourlyCount, int] = {}
    for kind, n in changes.items():
        key = HourlyCount(kind.model_number, kind.platform, kind.hour, kind.label, kind.uncertain)
        hourly[key] = hourly.get(key, 0) + n
    return hourly


def sum_changes(changes: Mapping[Labelled, int]) -> dict[CountSum, dict[str, int]]:
    """By how much each sum moves, by column of ``count_sums``."""
    sums: dict[CountSum, dict[str, int]] = {}
    for kind, n in changes.items():
        counted = _summed_as(kind)
        moving = [column for column, counts in counted.items() if counts]
        model, hour, day = kind.model_number, kind.hour, bucket_of(DAY, kind.hour)
        for key in (
            CountSum(model, HOUR, ALL_PLATFORMS, hour),
            CountSum(model, HOUR, kind.platform, hour),
            CountSum(model, DAY, kind.platform, day),
        ):
            moved = sums.get(key)
            if moved is None:
                moved = sums[key] = dict.fromkeys(counted, 0)
            for column in moving:
                moved[column] += n
    return sums


def _summed_as(kind: Labelled) -> dict[str, bool]:
    """Which columns of ``count_sums`` a labelled comment counts in."""
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
    """Events by (platform, id), sorted: everybody locks in the same order; each key's events stay in theirs."""
    grouped: dict[tuple[str, str], list[Arrival | Tombstone]] = {}
    for event in events:
        grouped.setdefault((event.platform, event.id), []).append(event)
    return dict(sorted(grouped.items()))
