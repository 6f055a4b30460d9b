"""Report the progress of a replay: a bar on a terminal, elsewhere a log line every ten seconds."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from rich.progress import BarColumn, Progress, TextColumn

from consumer.relabel.pace import LagWatch, now
from liuyan.terminal import console, is_terminal
from store.errors import OUTAGES
from store.relabel_parts import Done, read_done
from store.relabel_runs import LOG, RelabelRun, read_run
from store.store import Store

log = structlog.get_logger(__name__)

BAR_SECONDS = 0.5
LINE_SECONDS = 10.0
# The speed is that of about the last this many seconds.
SPEED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Status:
    """What a replay has done so far: all its processes, in the pass ``unit`` (records or stored comments)."""

    unit: str
    done: Done
    speed: float
    run: RelabelRun
    waiting: float | None

    @property
    def seconds_left(self) -> float | None:
        """The remaining time at the current speed; None while nothing is read."""
        return (self.done.all - self.done.read) / self.speed if self.speed else None

    @property
    def fields(self) -> dict[str, object]:
        """Return the same figures for a log line."""
        return {
            "unit": self.unit,
            "read": self.done.read,
            "remaining": self.done.all - self.done.read,
            "per_second": round(self.speed, 1),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left),
            "added": self.run.added,
            "flipped": self.run.flipped,
            **({} if self.waiting is None else {"waiting_for_lag_seconds": round(self.waiting)}),
        }

    @property
    def text(self) -> str:
        """Return remaining work, speed, time left and flips as one line."""
        left = self.done.all - self.done.read
        waiting = "" if self.waiting is None else f", waiting: consumers lag {self.waiting:.0f} s"
        time_left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        return (
            f"{self.done.read:,} of {self.done.all:,} {self.unit}, {left:,} remaining, {self.speed:,.0f}/s{time_left}, "
            f"{self.run.added:,} predictions added, {self.run.flipped:,} flipped{waiting}"
        )


class Speed:
    """Units per second over the last ``SPEED_SECONDS``, in one pass."""

    def __init__(self) -> None:
        self._unit = ""
        self._samples: list[tuple[float, int]] = []

    def add(self, unit: str, read: int, at: float) -> float:
        """Add a sample and return the speed."""
        if unit != self._unit:
            self._unit, self._samples = unit, []
        self._samples = [sample for sample in self._samples if at - sample[0] <= SPEED_SECONDS]
        self._samples.append((at, read))
        first_at, first = self._samples[0]
        return (read - first) / (at - first_at) if at > first_at else 0.0


async def report_progress(store: Store, number: int, lag: LagWatch) -> None:
    """Report until cancelled: on standard error if it is a terminal, else in the log."""
    if not sys.stderr.isatty():
        await _report(store, number, lag, LINE_SECONDS, lambda status: log.info("replay in progress", **status.fields))
    columns = (TextColumn("{task.fields[unit]}"), BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console(error=True), redirect_stdout=is_terminal()) as bars:
        task = bars.add_task("", total=None, unit="")

        def show(status: Status) -> None:
            bars.update(
                task,
                description=status.text,
                unit=status.unit,
                completed=status.done.read,
                total=max(1, status.done.all),
            )

        await _report(store, number, lag, BAR_SECONDS, show)


async def _report(store: Store, number: int, lag: LagWatch, seconds: float, show: Callable[[Status], None]) -> None:
    speed = Speed()
    while True:
        await asyncio.sleep(seconds)
        try:
            run = await store.read(read_run, number)
            log_done, store_done = await store.read(read_done, number)
        except OUTAGES:
            continue
        unit, done = ("records", log_done) if run.current_pass == LOG else ("comment numbers", store_done)
        waiting = lag.seconds if lag.exceeded else None
        show(Status(unit, done, speed.add(unit, done.read, now()), run, waiting))


def duration(seconds: float) -> str:
    """Return a duration for people, such as ``3 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
