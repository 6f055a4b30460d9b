"""The contract's rules, as pure functions: what stands and what arrived give what shall stand.

Nothing here reads or writes: write.py calls it with what it has read under lock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from liuyan.store.batch import Arrival, Label, Tombstone
from liuyan.store.types import in_utc


@dataclass(frozen=True, slots=True)
class Content:
    """What a platform says of a comment, in one version (microseconds since 1970)."""

    text: str
    version: int
    created_at: datetime
    edited_at: datetime | None
    author: str | None
    thread: str | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model thinks of a text."""

    label: Label
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class StandingReview:
    """The newest review of the text that stands."""

    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database holds of one key: the comment, each model's prediction by its number, up to which version it
    was erased before, and what a person decided."""

    content: Content | None = None
    predictions: Mapping[int, Prediction] = field(default_factory=dict)
    erased_up_to: int | None = None
    review: StandingReview | None = None


@dataclass(slots=True)
class Outcome:
    """What shall stand once the events were applied in order, and what the way there leaves behind.

    ``replaced`` are contents whose text an edit replaced, and with it go predictions and review; ``wiped`` says that
    everything that hung on the comment was erased on the way. ``became`` says of each event what it was, in
    BatchOutcome's words.
    """

    content: Content | None
    predictions: dict[int, Prediction]
    erased_up_to: int | None
    review: StandingReview | None = None
    replaced: list[Content] = field(default_factory=list)
    became: list[str] = field(default_factory=list)
    wiped: bool = False


ABSENT = Standing()

# model, platform, hour of created_at, label, uncertain
HourlyCount = tuple[int, str, datetime, str, bool]
# model, platform or ALL_PLATFORMS, the day (UTC) of a platform or the hour of all platforms
CountSum = tuple[int, str, datetime]
ALL_PLATFORMS = ""
# model, platform, hour of created_at, label, uncertain, and the label of the review that stands
ReviewChange = tuple[int, str, datetime, str, bool, str]


def apply(standing: Standing, events: Iterable[Arrival | Tombstone], model: int) -> Outcome:
    """Fold the events of one key, in order of arrival, into what stands; ``model`` is whose predictions they carry."""
    outcome = Outcome(standing.content, dict(standing.predictions), standing.erased_up_to, standing.review)
    for event in events:
        if isinstance(event, Tombstone):
            _erase(outcome, event)
            outcome.became.append("erased")
        else:
            outcome.became.append(_arrive(outcome, event, model))
    return outcome


def _arrive(outcome: Outcome, event: Arrival, model: int) -> str:
    """Apply one comment event; say what it was, in BatchOutcome's words."""
    stands = outcome.content
    if outcome.erased_up_to is not None and event.version <= outcome.erased_up_to:
        return "erased_before"
    if stands is not None and event.version < stands.version:
        return "late"
    prediction = Prediction(event.label, event.probability, event.uncertain)
    arrived = Content(event.text, event.version, event.created_at, event.edited_at, event.author, event.thread)
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
    outcome.erased_up_to, outcome.wiped = max(known), True


def count_changes(platform: str, before: Standing, after: Outcome, changes: Counter[HourlyCount]) -> None:
    """Add to ``changes`` by how much each hourly count moves."""
    if before.content is not None:
        hour = hour_of(before.content.created_at)
        for model, prediction in before.predictions.items():
            changes[model, platform, hour, prediction.label, prediction.uncertain] -= 1
    if after.content is not None:
        hour = hour_of(after.content.created_at)
        for model, prediction in after.predictions.items():
            changes[model, platform, hour, prediction.label, prediction.uncertain] += 1


def sum_changes(changes: Mapping[HourlyCount, int]) -> dict[CountSum, list[int]]:
    """By how much each sum of hourly counts moves: positive, negative and uncertain ones."""
    sums: dict[CountSum, list[int]] = {}
    for (model, platform, hour, label, uncertain), n in changes.items():
        for key in ((model, ALL_PLATFORMS, hour), (model, platform, hour.replace(hour=0))):
            moved = sums.setdefault(key, [0, 0, 0])
            moved[0 if label == Label.POSITIVE else 1] += n
            moved[2] += n if uncertain else 0
    return sums


def review_changes(platform: str, before: Standing, after: Outcome, changes: Counter[ReviewChange]) -> None:
    """Add to ``changes`` by how much each count of reviewed comments moves."""
    for standing, by in ((before, -1), (after, 1)):
        if standing.content is not None and standing.review is not None:
            created_at, label = standing.content.created_at, standing.review.label
            for change in reviewed_as(platform, created_at, standing.predictions, label):
                changes[change] += by


def reviewed_as(
    platform: str, created_at: datetime, predictions: Mapping[int, Prediction], label: str
) -> Iterator[ReviewChange]:
    """The counts of reviewed comments that one comment is in: one of each model that labelled it."""
    hour = hour_of(created_at)
    for model, prediction in predictions.items():
        yield model, platform, hour, prediction.label, prediction.uncertain, label


def hour_of(time: datetime) -> datetime:
    """The hour, in UTC, that ``time`` lies in."""
    return in_utc(time).replace(minute=0, second=0, microsecond=0)


def by_key(events: Sequence[Arrival | Tombstone]) -> dict[tuple[str, str], list[Arrival | Tombstone]]:
    """Events by (platform, id), sorted: everybody locks in the same order; each key's events stay in theirs."""
    grouped: dict[tuple[str, str], list[Arrival | Tombstone]] = {}
    for event in events:
        grouped.setdefault((event.platform, event.id), []).append(event)
    return dict(sorted(grouped.items()))
