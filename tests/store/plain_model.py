"""The contract as a plain dictionary, one event at a time, to hold the store against: slow, obvious, no SQL."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from store.batch import Arrival, DeadLetter, Tombstone
from store.lock_keys import erasure_digest
from tests.store.feed import ERASURE_KEY
from tests.store.tables_read import Contents, Key


@dataclass
class PlainReview:
    """What a reviewer said of one text: ``text_number`` counts the texts that the comment has had."""

    reviewer: int
    label: str
    text_number: int
    shown: tuple[int, str]
    taken_back: bool = False


class Kind(NamedTuple):
    """What one comment is counted as under one model."""

    model: int
    platform: str
    hour: datetime
    label: str
    uncertain: bool
    review: str | None


class PlainModel:
    """What the tables should hold after the records that it was given."""

    def __init__(self, active: int = 1) -> None:
        self.active = active
        self.comments: dict[Key, Arrival] = {}
        self.versions: dict[Key, list[tuple[int, str]]] = {}
        self.predictions: dict[tuple[Key, int], tuple[str, float, bool]] = {}
        self.dead_letters: dict[tuple[str, int, int], DeadLetter] = {}
        self.erased: dict[Key, int] = {}
        self.text_numbers: Counter[Key] = Counter()
        self.reviews: dict[Key, list[PlainReview]] = {}
        self.work: Counter[tuple[int, int, str, str, str]] = Counter()

    def take(self, record: Arrival | Tombstone | DeadLetter, model: int) -> None:
        if isinstance(record, DeadLetter):
            self.dead_letters[record.partition.topic, record.partition.partition, record.offset] = record
        elif isinstance(record, Tombstone):
            self._erase(record)
        else:
            self._arrive(record, model)

    def _erase(self, order: Tombstone) -> None:
        key = (order.platform, order.id)
        stands = self.comments.pop(key, None)
        self.versions.pop(key, None)
        self.reviews.pop(key, None)
        self._forget_predictions(key)
        self.erased[key] = max(
            order.timestamp,
            self.erased.get(key, order.timestamp),
            stands.content.version if stands else order.timestamp,
        )
        name = f"{order.platform}:{order.id}".encode()
        self.dead_letters = {at: letter for at, letter in self.dead_letters.items() if letter.key != name}

    def _arrive(self, event: Arrival, model: int) -> None:
        key = (event.platform, event.id)
        if key in self.erased and event.content.version <= self.erased[key]:
            return
        stands = self.comments.get(key)
        if stands is not None and event.content.version < stands.content.version:
            return
        if stands is not None and stands.content.text != event.content.text:
            self.versions.setdefault(key, []).append((stands.content.version, stands.content.text))
            self._forget_predictions(key)
            self.text_numbers[key] += 1
        self.comments[key] = event
        self.predictions.setdefault(
            (key, model), (event.prediction.label, event.prediction.probability, event.prediction.uncertain)
        )

    def _forget_predictions(self, key: Key) -> None:
        self.predictions = {at: found for at, found in self.predictions.items() if at[0] != key}

    def review(self, key: Key, version: int, reviewer: int, label: str) -> str:
        """Review a comment as it was seen in ``version``; what becomes of it in a word."""
        if key not in self.comments:
            return "missing"
        if self.comments[key].content.version != version:
            return "edited"
        standing = self.standing(key)
        if standing is not None and (standing.reviewer, standing.label) == (reviewer, label):
            return "reviewed"
        shown = self._shown(key)
        self.reviews.setdefault(key, []).append(PlainReview(reviewer, label, self.text_numbers[key], shown))
        self.work[reviewer, *shown[:1], key[0], shown[1], label] += 1
        return "reviewed"

    def undo(self, key: Key, reviewer: int) -> str:
        """Take back the reviewer's newest review of the text that stands; what becomes of it in a word."""
        if key not in self.comments:
            return "missing"
        own = [review for review in self._of_text(key) if review.reviewer == reviewer]
        if not own:
            return "nothing"
        own[-1].taken_back = True
        model, label = own[-1].shown
        self.work[reviewer, model, key[0], label, own[-1].label] -= 1
        return "undone"

    def standing(self, key: Key) -> PlainReview | None:
        return next(reversed(self._of_text(key)), None)

    def _of_text(self, key: Key) -> list[PlainReview]:
        number = self.text_numbers[key]
        return [one for one in self.reviews.get(key, []) if one.text_number == number and not one.taken_back]

    def _shown(self, key: Key) -> tuple[int, str]:
        models = {model: said[0] for (of, model), said in self.predictions.items() if of == key}
        model = self.active if self.active in models else max(models)
        return model, models[model]

    def contents(self) -> Contents:
        counts: Counter[tuple[int, str, datetime, str, bool]] = Counter()
        kinds = []
        marks = {}
        for (key, model), (label, probability, uncertain) in self.predictions.items():
            hour = self.comments[key].content.created_at.replace(minute=0, second=0, microsecond=0)
            counts[model, key[0], hour, label, uncertain] += 1
            standing = self.standing(key)
            marks[key, model] = (standing is not None, abs(probability - 0.5))
            kinds.append(Kind(model, key[0], hour, label, uncertain, None if standing is None else standing.label))
        labels = {key: self.standing(key) for key in self.comments}
        return Contents(
            comments={
                key: (
                    event.content.text,
                    event.content.version,
                    event.content.created_at,
                    event.content.edited_at,
                    event.content.author,
                    event.content.thread,
                )
                for key, event in self.comments.items()
            },
            versions=self.versions,
            predictions=self.predictions,
            counts=dict(counts),
            dead_letters={at: letter.value for at, letter in self.dead_letters.items()},
            erasures={erasure_digest(ERASURE_KEY, *key): up_to for key, up_to in self.erased.items()},
            sums=_sums(kinds),
            review_labels={key: review.label for key, review in labels.items() if review is not None},
            review_marks=marks,
            work={key: n for key, n in self.work.items() if n},
        )


def _sums(kinds: list[Kind]) -> dict[tuple[int, str, str, datetime], tuple[int, ...]]:
    """By the hour for all platforms together and for each, and by the day for each."""
    sums: dict[tuple[int, str, str, datetime], list[Kind]] = {}
    for kind in kinds:
        sums.setdefault((kind.model, "", "hour", kind.hour), []).append(kind)
        sums.setdefault((kind.model, kind.platform, "hour", kind.hour), []).append(kind)
        sums.setdefault((kind.model, kind.platform, "day", kind.hour.replace(hour=0)), []).append(kind)
    return {key: _summed(found) for key, found in sums.items()}


def _summed(kinds: list[Kind]) -> tuple[int, ...]:
    said = Counter(kind.label for kind in kinds)
    shown = Counter(kind.review or kind.label for kind in kinds)
    reviews = [kind for kind in kinds if kind.review is not None]
    undecided = Counter(kind.label for kind in kinds if kind.uncertain and kind.review is None)
    return (
        said["positive"],
        said["negative"],
        sum(kind.uncertain for kind in kinds),
        shown["positive"],
        shown["unclear"],
        shown["spam"],
        len(reviews),
        sum(kind.review != kind.label for kind in reviews),
        undecided["positive"],
        undecided["negative"],
    )
