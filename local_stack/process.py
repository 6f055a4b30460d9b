"""A child process that ends with its parent, even if the parent is killed with SIGKILL."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


class Process:
    """A running program, supervised by a guard process. Its output goes to ``log``; its standard input is empty.

    ``folder`` is its working directory, by default the parent's. ``remove_if_orphaned`` is a folder that the guard
    removes if the parent dies. The program runs in a separate session, so that Ctrl-C only reaches the parent.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        remove_if_orphaned: Path | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        remove = str(remove_if_orphaned) if remove_if_orphaned else ""
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(log), remove, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        assert self._guard.stdout is not None  # noqa: S101 - given by PIPE
        with self._guard.stdout as first_line:
            pid = first_line.readline().strip()
        self.pid: int | None = int(pid) if pid else None

    @property
    def running(self) -> bool:
        """Whether the program has not ended; a paused program is running."""
        return self._guard.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program if it is running."""
        if self.pid is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Wait for the program; return its exit status (128 + n after signal n), or None after a timeout."""
        try:
            status = self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._close_pipe()
        return status

    def stop(self, seconds: float) -> int:
        """Send SIGTERM, kill the program if it does not end in time, and return its exit status."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        status = self.wait(seconds)
        return self.kill() if status is None else status

    def kill(self) -> int:
        """Kill the program with SIGKILL and return its exit status."""
        self.send(signal.SIGKILL)
        status = self._guard.wait()
        self._close_pipe()
        return status

    def _close_pipe(self) -> None:
        if self._guard.stdin is not None:
            self._guard.stdin.close()
