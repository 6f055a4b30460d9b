"""Repeated log lines: the first of a kind is written, and then every half minute how many more there were.

A client library logs each failed request. While a broker restarts that is tens of lines a second that say the same.
"""

import copy
import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime

# Libraries that log each failed request and retry it. Ours opt in with the keyword ``repeats=True``.
RETRYING = frozenset({"aiokafka", "aiomysql", "asyncio", "sqlalchemy"})
# What aiokafka logs without an error when a broker is away.
CONSEQUENCES = (
    "Unable to update metadata",
    "Marking the coordinator dead",
    "Heartbeat session expired",
    "Heartbeat failed for group %s: coordinator",
)
REPORT_SECONDS = 30.0
# An error whose text is always different is not repeated: so many kinds are remembered, and all others written.
MOST_KINDS = 200


@dataclass(slots=True)
class _Repeated:
    first: logging.LogRecord
    count: int = 0


class RepeatFilter(logging.Filter):
    """A handler's filter that lets the first line of each kind pass and reports the number of the others.

    ``write`` writes a report; it passes this filter. Reports come from a daemon thread that runs while there is
    something to report.
    """

    def __init__(self, write: Callable[[logging.LogRecord], object], seconds: float = REPORT_SECONDS) -> None:
        super().__init__()
        self._write = write
        self._seconds = seconds
        self._repeated: dict[Hashable, _Repeated] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._reporter: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the line."""
        kind = _kind(record)
        if kind is None or threading.get_ident() == self._reporter:
            return True
        with self._lock:
            known = self._repeated.get(kind)
            if known is not None:
                known.count += 1
                return False
            if len(self._repeated) < MOST_KINDS:
                self._repeated[kind] = _Repeated(copy.copy(record))
                self._start_timer()
            return True

    def report(self) -> None:
        """Write how many lines of each kind were left out since the last report; forget kinds that have ended."""
        self._reporter = threading.get_ident()
        with self._lock:
            self._timer = None
            ended = [kind for kind, one in self._repeated.items() if one.count == 0]
            for kind in ended:
                del self._repeated[kind]
            reports = [_report(one, self._seconds) for one in self._repeated.values()]
            for one in self._repeated.values():
                one.count = 0
            if self._repeated:
                self._start_timer()
        for record in reports:
            self._write(record)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self.report)
            self._timer.daemon = True
            self._timer.start()


def _kind(record: logging.LogRecord) -> Hashable | None:
    """What makes two lines the same; None for a line that is always written.

    All requests of a library that fail because its server is away are one kind.
    """
    if record.levelno < logging.WARNING:
        return None
    if isinstance(record.msg, dict):
        fields = record.msg
        return (record.name, fields.get("event"), fields.get("error")) if fields.pop("repeats", False) else None
    library = record.name.partition(".")[0]
    if library not in RETRYING:
        return None
    errors = [one for one in record.args if isinstance(one, Exception)] if isinstance(record.args, tuple) else []
    if any(map(_passes, errors)) or str(record.msg).startswith(CONSEQUENCES):
        return (library, "unavailable")
    return (record.name, record.msg, *(type(error).__name__ for error in errors))


def _passes(error: Exception) -> bool:
    """Whether an error says that a server is not there now; aiokafka's errors say themselves that a retry helps."""
    return isinstance(error, OSError) or getattr(error, "retriable", False) is True


def _report(one: _Repeated, seconds: float) -> logging.LogRecord:
    record = copy.copy(one.first)
    record.exc_info = record.exc_text = None
    if isinstance(record.msg, dict):
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        record.msg = {**record.msg, "time": now, "more": one.count, "seconds": seconds}
    else:
        record.msg = "%s (and %d more like it within %.0f s)"
        record.args = (one.first.getMessage(), one.count, seconds)
    return record
