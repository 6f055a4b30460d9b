"""Models that can be promoted and lost, with labellers that fail on texts that another one prepared."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from model.cache import CacheStatistics
from model.labeller import Labeller, Prediction, PreparedText
from registry.follow import LoadedModel
from store.batch import ModelRow

GRACE_SECONDS = 60.0


@dataclass(frozen=True)
class _Prepared:
    """A text that ``labeller`` prepared."""

    labeller: "_Labeller"
    tokens: int


class _Labeller:
    """A labeller that knows its own inputs: it fails on texts that another one prepared."""

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        return [PreparedText(text, _Prepared(self, len(text))) for text in texts]

    def label(self, prepared: Sequence[PreparedText]) -> list[Prediction]:
        assert all(cast(_Prepared, one.input).labeller is self for one in prepared), "prepared by another model"
        return [Prediction("positive", 0.9, uncertain=False) for _ in prepared]

    def cache_statistics(self) -> CacheStatistics:
        return CacheStatistics(0, 0, 0)


@dataclass
class Models:
    """Replaces ModelFollower. ``promote`` loads another model at once; ``lose`` makes the active one unavailable."""

    loaded: LoadedModel = field(default_factory=lambda: loaded(1))
    behind_seconds: float = 0.0
    failure: str | None = None
    current: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.current.set()

    def promote(self) -> None:
        self.loaded = loaded(self.loaded.number + 1)
        self.behind_seconds = 0.0
        self.current.set()

    def lose(self) -> None:
        self.behind_seconds = GRACE_SECONDS + 1
        self.current.clear()

    async def wait_until_current(self) -> None:
        await self.current.wait()


def loaded(number: int) -> LoadedModel:
    """Return a model whose labeller fails on texts that another one prepared."""
    row = ModelRow(number, f"{number:064x}", f"model {number}", 0.4, 0.6, True, datetime.now(UTC))
    return LoadedModel(row, cast(Labeller, _Labeller()))
