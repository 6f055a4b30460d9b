"""The measured figures: stored as JSON, merged by system, and summarised as medians.

A session is one run of the command, or several with ``--resume``. Figures of different sessions are never divided.
"""

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liuyan.errors import UsageError

HERE = Path(__file__).parent.parent
JSON, MARKDOWN = HERE / "results.json", HERE / "results.md"
# CPU seconds are stated for this many comments.
CPU_COMMENTS = 50_000

Run = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """The median of several runs, with the lowest and the highest."""

    median: float
    lowest: float
    highest: float


def spread(values: Iterable[float]) -> Spread:
    """Summarise at least one value."""
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass
class SystemResult:
    """The runs of one system. ``backlog`` is by engine; ``latency`` has an entry per round and rate."""

    title: str
    session: str
    versions: dict[str, str]
    backlog: dict[str, list[Run]] = field(default_factory=dict)
    latency: list[Run] = field(default_factory=list)

    @property
    def engine(self) -> str:
        """The engine with the highest throughput."""
        return max(self.backlog, key=lambda engine: self.throughput(engine).median)

    def throughput(self, engine: str | None = None) -> Spread:
        """Comments/s until the last row."""
        return self._summary(lambda run: run["throughput"], engine)

    def cpu_seconds(self, engine: str | None = None) -> Spread:
        """CPU seconds for ``CPU_COMMENTS``, without the start."""
        return self._summary(lambda run: run["cpu_seconds"] * CPU_COMMENTS / run["comments"], engine)

    def start_seconds(self, engine: str | None = None) -> Spread:
        """Seconds from the start of the process to the first visible row."""
        return self._summary(lambda run: run["start_seconds"], engine)

    def peak_bytes(self, engine: str | None = None) -> Spread:
        """The highest resident memory."""
        return self._summary(lambda run: run["peak_bytes"], engine)

    def at(self, rate: str) -> dict[str, float] | None:
        """Return the medians at a rate such as ``500/s`` or ``50 %``; None if not measured or not kept up with."""
        runs = [run for run in self.latency if run["of"] == rate]
        if not runs or not all(run["kept_up"] for run in runs):
            return None
        names = ("rate", "published", "p50", "p95", "p99", "cpu_share")
        return {name: statistics.median(run[name] for run in runs) for name in names}

    def _summary(self, value: Callable[[Run], float], engine: str | None) -> Spread:
        return spread(value(run) for run in self.backlog[engine or self.engine])


@dataclass
class Results:
    """All systems by name, and what is known of each session."""

    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    systems: dict[str, SystemResult] = field(default_factory=dict)

    def drop_unused_sessions(self) -> None:
        """Forget sessions of which no figures remain."""
        used = {system.session for system in self.systems.values()}
        self.sessions = {name: session for name, session in self.sessions.items() if name in used}


def load(path: Path = JSON) -> Results:
    """Read results; empty if there is no file. Raises UsageError if it is damaged."""
    if not path.exists():
        return Results()
    try:
        content = json.loads(path.read_text())
        systems = {name: SystemResult(**one) for name, one in content["systems"].items()}
        return Results(content["sessions"], systems)
    except (AttributeError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path.name} is damaged. Remove it and measure again.") from None


def save(results: Results, path: Path = JSON) -> None:
    """Write results."""
    content = {
        "sessions": results.sessions,
        "systems": {name: vars(system) for name, system in results.systems.items()},
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
