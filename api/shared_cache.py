"""A cache of results that are expensive to compute, shared among concurrent requests."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

KEEP_SECONDS = 300
KEPT_AT_MOST = 100

Result = TypeVar("Result")


@dataclass(slots=True)
class SharedCache(Generic[Result]):
    """Caches at most ``most`` results for some minutes; concurrent requests for the same key share one task."""

    now: Callable[[], float] = monotonic
    most: int = KEPT_AT_MOST
    _kept: "dict[Hashable, tuple[float, asyncio.Task[Result]]]" = field(default_factory=dict)

    async def get(self, key: Hashable, start: "Callable[[], asyncio.Task[Result]]") -> Result:
        """Return the cached result, or that of the task that ``start`` creates. Errors are not cached."""
        now = self.now()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        if key not in self._kept:
            while len(self._kept) >= self.most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now + KEEP_SECONDS, start())
        task = self._kept[key][1]
        try:
            # The task continues for other requests if this one is cancelled.
            return await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._kept.pop(key, None)
            raise
