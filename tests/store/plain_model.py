"""A reference implementation of the contract on dictionaries: one event at a time, slow, obvious, without SQL."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from store.batch import Arrival, DeadLetter, Tombstone
from store.dead_letters import comment_key
from store.lock_keys import erasure_digest
from tests.store.feed import ERASURE_KEY
from tests.store.tables_read import Contents, Key


@dataclass
class PlainReview:
    """A review of one text: ``text_number`` counts the texts that the comment has had."""

    reviewer: int
    label: str
    text_number: int
    shown: tuple[int, str]
    withdrawn: bool = False


class Kind(NamedTuple):
    """The attributes by which a comment is counted for a model."""

    model: int
    platform: str
    hour: datetime
    label: str
    uncertain: bool
    review: str | None


class PlainModel:
    """Computes the expected contents of the tables."""

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

    def apply(self, record: Arrival | Tombstone | DeadLetter, model: int) -> None:
        if isinstance(record, DeadLetter):
            self.dead_letters[record.partition.topic, record.partition.partition, record.offset] = record
        elif isinstance(record, Tombstone):
            self._erase(record)
        else:
            self._apply_event(record, model)

    def _erase(self, tombstone: Tombstone) -> None:
        key = (tombstone.platform, tombstone.id)
        current = self.comments.pop(key, None)
        self.versions.pop(key, None)
        self.reviews.pop(key, None)
        self._remove_predictions(key)
        self.erased[key] = max(
            tombstone.timestamp,
            self.erased.get(key, tombstone.timestamp),
            current.content.version if current else tombstone.timestamp,
        )
        name = f"{tombstone.platform}:{tombstone.id}".encode()
        self.dead_letters = {at: letter for at, letter in self.dead_letters.items() if letter.key != name}

    def _apply_event(self, event: Arrival, model: int) -> None:
        key = (event.platform, event.id)
        if key in self.erased and event.content.version <= self.erased[key]:
            return
        current = self.comments.get(key)
        if current is not None and event.content.version < current.content.version:
            return
        if current is not None and current.content.text != event.content.text:
            self.versions.setdefault(key, []).append((current.content.version, current.content.text))
            self._remove_predictions(key)
            self.text_numbers[key] += 1
        self.comments[key] = event
        self.predictions.setdefault(
            (key, model), (event.prediction.label, event.prediction.probability, event.prediction.uncertain)
        )

    def _remove_predictions(self, key: Key) -> None:
        self.predictions = {at: found for at, found in self.predictions.items() if at[0] != key}

    def review(self, key: Key, version: int, reviewer: int, label: str) -> str:
        """Review a comment as seen in ``version``; return the outcome as a word."""
        if key not in self.comments:
            return "missing"
        if self.comments[key].content.version != version:
            return "edited"
        review = self.current_review(key)
        if review is not None and (review.reviewer, review.label) == (reviewer, label):
            return "reviewed"
        shown = self._shown(key)
        self.reviews.setdefault(key, []).append(PlainReview(reviewer, label, self.text_numbers[key], shown))
        self.work[reviewer, *shown[:1], key[0], shown[1], label] += 1
        return "reviewed"

    def undo(self, key: Key, reviewer: int) -> str:
        """Withdraw the reviewer's newest review of the current text; return the outcome as a word."""
        if key not in self.comments:
            return "missing"
        own = [review for review in self._of_text(key) if review.reviewer == reviewer]
        if not own:
            return "nothing"
        own[-1].withdrawn = True
        model, label = own[-1].shown
        self.work[reviewer, model, key[0], label, own[-1].label] -= 1
        return "undone"

    def current_review(self, key: Key) -> PlainReview | None:
        return next(reversed(self._of_text(key)), None)

    def _of_text(self, key: Key) -> list[PlainReview]:
        number = self.text_numbers[key]
        return [one for one in self.reviews.get(key, []) if one.text_number == number and not one.withdrawn]

    def _shown(self, key: Key) -> tuple[int, str]:
        models = {model: predicted[0] for (of, model), predicted in self.predictions.items() if of == key}
        model = self.active if self.active in models else max(models)
        return model, models[model]

    def contents(self) -> Contents:
        counts: Counter[tuple[int, str, datetime, str, bool]] = Counter()
        kinds = []
        marks = {}
        for (key, model), (label, probability, uncertain) in self.predictions.items():
            hour = self.comments[key].content.created_at.replace(minute=0, second=0, microsecond=0)
            counts[model, key[0], hour, label, uncertain] += 1
            review = self.current_review(key)
            marks[key, model] = (review is not None, round(abs(probability - 0.5), 5))
            kinds.append(Kind(model, key[0], hour, label, uncertain, None if review is None else review.label))
        labels = {key: self.current_review(key) for key in self.comments}
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
            erasures={erasure_digest(ERASURE_KEY, comment_key(*key)): up_to for key, up_to in self.erased.items()},
            sums=_sums(kinds),
            stored=self._stored(),
            review_labels={key: review.label for key, review in labels.items() if review is not None},
            review_marks=marks,
            work={key: n for key, n in self.work.items() if n},
        )

    def _stored(self) -> dict[tuple[str, str, datetime], int]:
        stored: Counter[tuple[str, str, datetime]] = Counter()
        for (platform, _), event in self.comments.items():
            hour = event.content.created_at.replace(minute=0, second=0, microsecond=0)
            stored.update([("hour", "", hour), ("hour", platform, hour), ("day", platform, hour.replace(hour=0))])
        return dict(stored)


def _sums(kinds: list[Kind]) -> dict[tuple[int, str, str, datetime], tuple[int, ...]]:
    """Return sums by hour for all platforms together and for each, and by day for each."""
    sums: dict[tuple[int, str, str, datetime], list[Kind]] = {}
    for kind in kinds:
        sums.setdefault((kind.model, "", "hour", kind.hour), []).append(kind)
        sums.setdefault((kind.model, kind.platform, "hour", kind.hour), []).append(kind)
        sums.setdefault((kind.model, kind.platform, "day", kind.hour.replace(hour=0)), []).append(kind)
    return {key: _summed(found) for key, found in sums.items()}


def _summed(kinds: list[Kind]) -> tuple[int, ...]:
    predicted = Counter(kind.label for kind in kinds)
    shown = Counter(kind.review or kind.label for kind in kinds)
    reviews = [kind for kind in kinds if kind.review is not None]
    undecided = Counter(kind.label for kind in kinds if kind.uncertain and kind.review is None)
    return (
        predicted["positive"],
        predicted["negative"],
        sum(kind.uncertain for kind in kinds),
        shown["positive"],
        shown["unclear"],
        shown["spam"],
        len(reviews),
        sum(kind.review != kind.label for kind in reviews),
        undecided["positive"],
        undecided["negative"],
    )
