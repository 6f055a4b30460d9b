"""Summarize repeated log lines: write the first one, then every 30 seconds the number of similar ones.

Client libraries log each failed request, which is dozens of similar lines per second while a broker restarts.
"""

import copy
import logging
import threading
import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime

# Libraries that log each failed request and retry it. Liuyan's own lines opt in with the keyword ``repeats=True``.
RETRYING = frozenset({"aiokafka", "aiomysql", "asyncio", "sqlalchemy"})
# Messages without an exception that aiokafka logs while a broker is unavailable.
UNAVAILABLE_MESSAGES = (
    "Unable to update metadata",
    "Marking the coordinator dead",
    "Heartbeat session expired",
    "Heartbeat failed for group %s: coordinator",
)
REPORT_SECONDS = 30.0
# Errors whose text always differs are not repetitions: remember this many kinds and write all others.
MOST_KINDS = 200


@dataclass(slots=True)
class _Repeated:
    first: logging.LogRecord
    count: int = 0


class RepeatFilter(logging.Filter):
    """A handler filter that passes the first line of each kind and reports the number of suppressed ones.

    ``write`` writes a report, which passes this filter. A daemon thread writes reports while lines repeat.
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
        """Return whether to write the line."""
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
        """Write the number of suppressed lines per kind since the last report; forget kinds without any."""
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
    """Return the key under which lines count as repetitions; None for a line that is always written.

    All failures of a library caused by an unavailable server are one kind.
    """
    if record.levelno < logging.WARNING:
        return None
    if isinstance(record.msg, dict):
        fields = record.msg
        return (record.name, fields.get("event"), fields.get("error")) if fields.pop("repeats", False) else None
    library = record.name.partition(".")[0]
    if library == "uvicorn":
        return _kind_of_exception(record)
    if library not in RETRYING:
        return None
    errors = [one for one in record.args if isinstance(one, Exception)] if isinstance(record.args, tuple) else []
    if any(map(_is_transient, errors)) or str(record.msg).startswith(UNAVAILABLE_MESSAGES):
        return (library, "unavailable")
    return (record.name, record.msg, *(type(error).__name__ for error in errors))


def _kind_of_exception(record: logging.LogRecord) -> Hashable | None:
    """Return type and place of the exception of a failed request, so that each kind of failure has one traceback."""
    if not record.exc_info or record.exc_info[1] is None:
        return None
    last = (traceback.extract_tb(record.exc_info[2], limit=-1) or [None])[0]
    place = None if last is None else (last.filename, last.lineno)
    return (record.name, record.msg, type(record.exc_info[1]).__name__, place)


def _is_transient(error: Exception) -> bool:
    """Return whether an error means that a server is unavailable; aiokafka's errors have a ``retriable`` flag."""
    return isinstance(error, OSError) or getattr(error, "retriable", False) is True


def _report(one: _Repeated, seconds: float) -> logging.LogRecord:
    record = copy.copy(one.first)
    record.exc_info = record.exc_text = None
    if isinstance(record.msg, dict):
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        record.msg = {**record.msg, "time": now, "more": one.count, "seconds": seconds}
    else:
        record.msg = "%s (and %d more similar lines within %.0f s)"
        record.args = (one.first.getMessage(), one.count, seconds)
    return record
