"""Follow the active model: when another one becomes active, load it in the background.

The process decides when to use it: a consumer between two batches, an API server with the next request.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from liuyan.metrics.shared import SharedMetrics
from liuyan.settings import Settings
from model.errors import ArtifactError
from model.kernel import load_kernel
from model.labeller import Labeller, LoadOptions, load_labeller
from registry.artifacts import obtain_artifact
from registry.register import ensure_active
from store.batch import ModelRow
from store.errors import StoreError
from store.models import read_active
from store.store import Store

log = structlog.get_logger(__name__)

POLL_SECONDS = 2.0
# The delay after the first failed attempt to load a model; it doubles up to the maximum.
FIRST_DELAY_SECONDS = 1.0
MAXIMUM_DELAY_SECONDS = 30.0
# The disk may be full, or the memory exhausted.
LOAD_ERRORS = (ArtifactError, StoreError, OSError, MemoryError)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A registered model and its labeller."""

    row: ModelRow
    labeller: Labeller

    @property
    def number(self) -> int:
        """The model's number in the database."""
        return self.row.number


@dataclass(frozen=True, slots=True)
class _Failure:
    """A model that cannot be loaded, why, and when to try again, on the monotonic clock."""

    model: ModelRow
    reason: str
    delay: float
    retry_at: float


async def load_active(store: Store, settings: Settings, metrics: SharedMetrics) -> LoadedModel:
    """Load the active model, the shipped one on a new database. Raises ArtifactError and StoreError."""
    with metrics.loading():
        return await load_model(store, await ensure_active(store, settings), settings)


async def load_model(store: Store, model: ModelRow, settings: Settings) -> LoadedModel:
    """Obtain and load a registered model in a separate thread. Raises ArtifactError and StoreError."""
    path = await obtain_artifact(store, model, settings)
    size, options = settings.answer_cache_size, LoadOptions(settings.cache_dir / "tables", settings.bfloat16)
    labeller = await asyncio.to_thread(load_labeller, path, answer_cache_size=size, options=options)
    kernel = load_kernel(bfloat16=settings.bfloat16)
    if kernel is None:
        log.warning(
            "the installation has no compiled code of this version, labelling is slow",
            fix="install a C compiler, then Liuyan again",
        )
    elif settings.bfloat16 and not kernel.bfloat16:
        log.warning(
            "this processor has no bfloat16 products, labelling uses float32",
            fix="unset LIUYAN_BFLOAT16, or run on a processor with AVX-512 BF16",
        )
    return LoadedModel(model, labeller)


class ModelFollower:
    """Keep the active model loaded, starting with ``loaded``. ``on_load`` is called with each model after it."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        loaded: LoadedModel,
        metrics: SharedMetrics,
        on_load: Callable[[LoadedModel], None] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._on_load = on_load
        self._loaded = loaded
        self._behind_since: float | None = None
        self._failure: _Failure | None = None
        self._current = asyncio.Event()
        self._current.set()

    @property
    def loaded(self) -> LoadedModel:
        """The newest model that was loaded."""
        return self._loaded

    @property
    def behind_seconds(self) -> float:
        """The seconds since another model became active that is not loaded yet; 0 if there is none."""
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    @property
    def failure(self) -> str | None:
        """Why the active model cannot be loaded, as a sentence; None if the last attempt did not fail."""
        if self._failure is None:
            return None
        model = self._failure.model
        return f"The active model {model.number} ({model.name}) cannot be loaded: {self._failure.reason}"

    def describe(self) -> str:
        """Describe the current state for /readyz."""
        row = self._loaded.row
        name = f"model {row.number} ({row.name}, {row.sha256[:12]})"
        if self._behind_since is None:
            return f"The active {name} is loaded."
        return f"{self.failure or 'The active model is being loaded.'} Using {name} for {self.behind_seconds:.0f} s."

    async def wait_until_current(self) -> None:
        """Wait until the active model is loaded. Safe to cancel."""
        await self._current.wait()

    async def run(self) -> None:
        """Follow the active model until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.follow()
            self._metrics.set_behind(self.behind_seconds)

    async def follow(self) -> None:
        """Read which model is active, and load it if it is not loaded. Errors are reported and tried again later."""
        try:
            active = await self._store.read(read_active)
        except StoreError as error:
            log.debug("cannot read the active model", error=str(error))
            return
        if active is None or active.number == self._loaded.number:
            self._set_current()
            return
        if self._behind_since is None:
            log.info("another model is active, loading it", model=active.number, sha256=active.sha256[:12])
            self._behind_since = time.monotonic()
            self._current.clear()
        if self._is_due(active):
            await self._load(active)

    def _is_due(self, active: ModelRow) -> bool:
        failure = self._failure
        return failure is None or failure.model.number != active.number or time.monotonic() >= failure.retry_at

    async def _load(self, active: ModelRow) -> None:
        try:
            with self._metrics.loading():
                self._loaded = await load_model(self._store, active, self._settings)
        except LOAD_ERRORS as error:
            self._fail(active, str(error) or type(error).__name__)
            return
        log.info("model loaded", model=active.number, name=active.name, seconds=round(self.behind_seconds, 1))
        self._set_current()
        if self._on_load is not None:
            self._on_load(self._loaded)

    def _fail(self, active: ModelRow, reason: str) -> None:
        before = self._failure
        again = before is not None and before.model.number == active.number
        delay = min(2 * before.delay, MAXIMUM_DELAY_SECONDS) if before is not None and again else FIRST_DELAY_SECONDS
        self._failure = _Failure(active, reason, delay, time.monotonic() + delay)
        log.warning("cannot load the active model, retrying", model=active.number, error=reason, repeats=True)

    def _set_current(self) -> None:
        self._behind_since = self._failure = None
        self._current.set()
