"""Samples of the newest comments of each label, kept in memory so that pages do not wait for keywords.

A background task refreshes the samples that pages have asked for. It reads and segments only comments that are new or
edited; erased ones leave the memory with the next refresh.
"""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from time import monotonic
from typing import Protocol

import structlog

from api.background import repeat
from api.keywords import Cut, CutText, cut_text
from api.shared_cache import SharedCache
from store.comments import ShownLabel
from store.search import CommentFilter, newest_matches, read_texts
from store.store import Store

LABELS = (ShownLabel.POSITIVE, ShownLabel.NEGATIVE)
# Comments of each label, and the characters of their texts that are kept in memory.
SAMPLE, MAXIMUM_CHARACTERS = 1_000, 2_000_000
# Time limits for finding the comments of a label and for segmenting both samples: of a request and of the background.
FIND_SECONDS, CUT_SECONDS = 1.0, 2.0
PATIENT_FIND_SECONDS, PATIENT_CUT_SECONDS = 3.0, 60.0
REFRESH_SECONDS = 30.0
# The pause is this many times as long as a refresh, which takes seconds where a label is rare.
LEAST_PAUSE = 20
# Samples that no page has asked for are not refreshed any longer.
FORGET_SECONDS = 3600.0
# Platforms whose samples are refreshed at most, in addition to that of all platforms, and cached samples.
MAXIMUM_PLATFORMS = 10
log = structlog.get_logger(__name__)


class Segmenter(Protocol):
    """The model whose words are used."""

    @property
    def sha256(self) -> str:
        """SHA-256 of its artifact."""
        ...

    def words(self, text: str) -> list[str]:
        """Segment a text. Safe to call from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A comment of a sample, by row number and version."""

    number: int
    version: int
    created_at: datetime
    text: CutText


@dataclass(frozen=True, slots=True)
class LabelSample:
    """The newest comments of a label, newest first.

    ``full`` means that there are older ones. ``complete`` is False if a time or memory limit made it smaller.
    """

    entries: Sequence[Entry] = ()
    full: bool = False
    complete: bool = True

    def texts(self) -> list[CutText]:
        """Return the texts, newest first."""
        return [entry.text for entry in self.entries]

    def since(self, time: datetime | None) -> "LabelSample":
        """Return the part that was created at ``time`` or later."""
        if time is None:
            return self
        entries = [entry for entry in self.entries if entry.created_at >= time]
        reached = len(entries) < len(self.entries)
        return LabelSample(entries, self.full and not reached, self.complete or reached)


Sample = Mapping[ShownLabel, LabelSample]
EMPTY: Sample = {label: LabelSample() for label in LABELS}


async def read_sample(
    store: Store, cut: Cut, filters: CommentFilter, known: Sample = EMPTY, *, patient: bool = False
) -> Sample:
    """Read the newest comments of each label that match ``filters``; those in ``known`` are not segmented again.

    ``patient`` uses the time limits of the background task. Raises StoreError.
    """
    seconds = PATIENT_FIND_SECONDS if patient else FIND_SECONDS
    entries = {(entry.number, entry.version): entry for side in known.values() for entry in side.entries}
    sides = {}
    texts: dict[int, tuple[int, str]] = {}
    async with store.reading() as connection:
        for label in LABELS:
            found = await newest_matches(connection, replace(filters, label=label), SAMPLE + 1, seconds)
            sides[label] = (_newest(found.rows), len(found.rows) > SAMPLE, found.complete)
            missing = [number for number, version, _ in sides[label][0] if (number, version) not in entries]
            texts |= await read_texts(connection, missing)
    limit = PATIENT_CUT_SECONDS if patient else CUT_SECONDS
    cut_texts = await asyncio.to_thread(_cut_within, cut, texts, [rows for rows, _, _ in sides.values()], limit)
    entries |= cut_texts
    return {label: _sample(entries, *side) for label, side in sides.items()}


def _newest(rows: Sequence[tuple[int, int, datetime]]) -> Sequence[tuple[int, int, datetime]]:
    """Return at most SAMPLE rows without those of the millisecond that the next one shares.

    A search from the time of the last one on then finds the same comments.
    """
    if len(rows) <= SAMPLE:
        return rows
    end = _millisecond(rows[SAMPLE][2])
    return [row for row in rows[:SAMPLE] if _millisecond(row[2]) > end] or rows[:SAMPLE]


def _millisecond(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _cut_within(
    cut: Cut,
    texts: Mapping[int, tuple[int, str]],
    sides: Sequence[Sequence[tuple[int, int, datetime]]],
    seconds: float,
) -> dict[tuple[int, int], Entry]:
    """Segment texts of both labels alternately, so that the time limit truncates both samples alike."""
    deadline = monotonic() + seconds
    found = {}
    for rows in zip_longest(*sides):
        if monotonic() > deadline:
            break
        for number, version, created_at in filter(None, rows):
            # A text that was edited since the search may have another label.
            if texts.get(number, (None, ""))[0] == version:
                found[number, version] = Entry(number, version, created_at, cut_text(texts[number][1], cut))
    return found


def _sample(
    entries: Mapping[tuple[int, int], Entry], rows: Sequence[tuple[int, int, datetime]], full: bool, complete: bool
) -> LabelSample:
    kept: list[Entry] = []
    characters = 0
    for number, version, _ in rows:
        entry = entries.get((number, version))
        characters += 0 if entry is None else len(entry.text.folded)
        if entry is None or characters > MAXIMUM_CHARACTERS:
            return LabelSample(kept, full, complete=False)
        kept.append(entry)
    return LabelSample(kept, full, complete)


@dataclass(slots=True)
class KeywordSamples:
    """The samples that pages have asked for, by platform; None is all platforms.

    Samples of ranges that ended in the past are cached for some minutes instead.
    """

    _past: SharedCache[Sample] = field(default_factory=lambda: SharedCache(most=MAXIMUM_PLATFORMS))
    _first: SharedCache[Sample] = field(default_factory=lambda: SharedCache(most=MAXIMUM_PLATFORMS))
    _current: dict[Hashable, Sample] = field(default_factory=dict)
    # When a page last asked for the sample of a platform.
    _asked: dict[str | None, float] = field(default_factory=dict)

    async def get(self, store: Store, model: Segmenter, filters: CommentFilter, now: datetime) -> Sample:
        """Return the sample of a platform and time range: from memory if the background task maintains it.

        Raises StoreError.
        """
        if filters.model is not None or (filters.created_to is not None and filters.created_to <= now):
            key: Hashable = (model.sha256, filters)
            return await self._past.get(key, lambda: asyncio.create_task(read_sample(store, model.words, filters)))
        self._asked[filters.platform] = monotonic()
        whole = CommentFilter(platform=filters.platform)
        key = (model.sha256, filters.platform)
        found = self._current.get(key)
        if found is None:
            found = await self._first.get(key, lambda: asyncio.create_task(read_sample(store, model.words, whole)))
        return {label: side.since(filters.created_from) for label, side in found.items()}

    async def refresh(self, store: Store, model: Segmenter) -> None:
        """Bring the samples of the platforms that pages ask for up to date. Raises StoreError."""
        now = monotonic()
        self._asked = {platform: at for platform, at in self._asked.items() if now - at < FORGET_SECONDS}
        recent = sorted((one for one in self._asked if one is not None), key=lambda one: -self._asked[one])
        current: dict[Hashable, Sample] = {}
        for platform in (None, *recent[:MAXIMUM_PLATFORMS]):
            key = (model.sha256, platform)
            known = self._current.get(key, EMPTY)
            filters = CommentFilter(platform=platform)
            current[key] = await read_sample(store, model.words, filters, known, patient=True)
        self._current = current


async def refresh_keywords(samples: KeywordSamples, store: Store, model: "ModelSource") -> None:
    """Refresh the samples until cancelled. Each API process has its own."""

    async def work() -> float:
        began = monotonic()
        await samples.refresh(store, model.model)
        return max(REFRESH_SECONDS, LEAST_PAUSE * (monotonic() - began))

    await repeat(work, log, "reading comments for keywords failed, retrying")


class ModelSource(Protocol):
    """Has the current model."""

    @property
    def model(self) -> Segmenter:
        """The current model."""
        ...
