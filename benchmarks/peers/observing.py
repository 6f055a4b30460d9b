"""Watch rows become visible in the database, and the CPU time and memory of a process.

Comment ``n`` has platform ``n % 4``, which is also its partition, and an id that grows with ``n``. A system stores a
partition in order, so the highest visible id of each platform tells which comments are stored. The query reads four
index entries and works on every system's table.
"""

import os
import re
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

PARTITIONS = 4
_HIGHEST = "(SELECT MAX(id) FROM comments WHERE platform = 'p{}')"
_QUERY = f"SELECT {', '.join(_HIGHEST.format(place) for place in range(PARTITIONS))}"


@dataclass
class Seen:
    """When each partition's rows became visible: times in seconds since the epoch, and counts of rows, both growing."""

    times: list[list[float]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    counts: list[list[int]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])

    def add(self, now: float, counts: list[int]) -> None:
        """Note the number of visible rows of each partition."""
        for place, count in enumerate(counts):
            if count > (self.counts[place][-1] if self.counts[place] else 0):
                self.counts[place].append(count)
                self.times[place].append(now)

    @property
    def total(self) -> int:
        """The number of visible rows."""
        return sum(counts[-1] for counts in self.counts if counts)

    def time_of(self, number: int) -> float | None:
        """Return when comment ``number`` became visible; None if it is not."""
        place, count = number % PARTITIONS, number // PARTITIONS + 1
        index = bisect_left(self.counts[place], count)
        return self.times[place][index] if index < len(self.counts[place]) else None


class Observer:
    """A thread that queries the database every ``pause`` seconds; a context manager."""

    def __init__(self, database: Mapping[str, Any], pause: float) -> None:
        self.seen = Seen()
        self._database = dict(database)
        self.pause = pause
        self._end = threading.Event()
        self._error: pymysql.MySQLError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Observer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)
        if self._error is not None:
            raise self._error

    def wait_for(self, total: int, process: "Usage", seconds: float) -> bool:
        """Wait until ``total`` rows are visible. Return False after ``seconds``, or if the process ended."""
        deadline = time.monotonic() + seconds
        while self.seen.total < total:
            if time.monotonic() > deadline or self._error is not None or not process.runs():
                return False
            time.sleep(self.pause)
        return True

    def _run(self) -> None:
        try:
            with pymysql.connect(**self._database, autocommit=True) as connection, connection.cursor() as cursor:
                while not self._end.wait(self.pause):
                    cursor.execute(_QUERY)
                    row = cursor.fetchone() or ()
                    self.seen.add(time.time(), [int(one) // PARTITIONS + 1 if one is not None else 0 for one in row])
        except pymysql.MySQLError as error:
            self._error = error


@dataclass(frozen=True)
class Usage:
    """The CPU time and memory of a process."""

    pid: int

    def runs(self) -> bool:
        """Return whether the process has not ended."""
        try:
            return self._stat()[0] != "Z"
        except FileNotFoundError:
            return False

    def cpu_seconds(self) -> float:
        """Return user and system time of all threads since the start."""
        fields = self._stat()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """Return the highest resident memory since the start."""
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert match is not None
        return int(match[1]) * 1024

    def _stat(self) -> list[str]:
        return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
