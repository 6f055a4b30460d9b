"""The contract as a plain dictionary, one event at a time, to hold the store against: slow, obvious, no SQL."""

from collections import Counter
from datetime import datetime

from liuyan.store.batch import Arrival, DeadLetter, Tombstone
from liuyan.store.claim import erasure_digest
from tests.store.feed import ERASURE_KEY
from tests.store.tables_read import Contents, Key


class PlainModel:
    """What the tables should hold after the records that it was given."""

    def __init__(self) -> None:
        self.comments: dict[Key, Arrival] = {}
        self.versions: dict[Key, list[tuple[int, str]]] = {}
        self.predictions: dict[tuple[Key, int], tuple[str, float, bool]] = {}
        self.dead_letters: dict[tuple[str, int, int], DeadLetter] = {}
        self.erased: dict[Key, int] = {}

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
        self._forget_predictions(key)
        self.erased[key] = max(
            order.timestamp, self.erased.get(key, order.timestamp), stands.version if stands else order.timestamp
        )
        name = f"{order.platform}:{order.id}".encode()
        self.dead_letters = {at: letter for at, letter in self.dead_letters.items() if letter.key != name}

    def _arrive(self, event: Arrival, model: int) -> None:
        key = (event.platform, event.id)
        if key in self.erased and event.version <= self.erased[key]:
            return
        stands = self.comments.get(key)
        if stands is not None and event.version < stands.version:
            return
        if stands is not None and stands.text != event.text:
            self.versions.setdefault(key, []).append((stands.version, stands.text))
            self._forget_predictions(key)
        self.comments[key] = event
        self.predictions.setdefault((key, model), (event.label, event.probability, event.uncertain))

    def _forget_predictions(self, key: Key) -> None:
        self.predictions = {at: found for at, found in self.predictions.items() if at[0] != key}

    def contents(self) -> Contents:
        counts: Counter[tuple[int, str, datetime, str, bool]] = Counter()
        for (key, model), (label, _, uncertain) in self.predictions.items():
            hour = self.comments[key].created_at.replace(minute=0, second=0, microsecond=0)
            counts[model, key[0], hour, label, uncertain] += 1
        return Contents(
            comments={
                key: (event.text, event.version, event.created_at, event.edited_at, event.author, event.thread)
                for key, event in self.comments.items()
            },
            versions=self.versions,
            predictions=self.predictions,
            counts=dict(counts),
            dead_letters={at: letter.value for at, letter in self.dead_letters.items()},
            erasures={erasure_digest(ERASURE_KEY, *key): up_to for key, up_to in self.erased.items()},
        )
