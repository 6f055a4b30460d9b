"""A child process that never outlives its parent, not even when the parent is killed with SIGKILL."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


class Process:
    """A running program, watched by a guard process. Its output goes to ``log``; it reads nothing.

    It works in ``folder``, by default where its parent does. ``remove_if_orphaned`` is a folder that the guard removes
    when it had to end the program because the parent died. The program is in a session of its own: Ctrl-C reaches the
    parent alone, who then decides.
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
        """Whether the program has not ended; a paused one is running."""
        return self._guard.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program, if it still runs."""
        if self.pid is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Wait for the program's end: its exit status (128 + n after signal n), or None when it still runs."""
        try:
            status = self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._close_pipe()
        return status

    def stop(self, seconds: float) -> int:
        """Ask the program to end (SIGTERM); kill it when it has not ended in time. Returns its exit status."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        status = self.wait(seconds)
        return self.kill() if status is None else status

    def kill(self) -> int:
        """End the program with SIGKILL. Returns its exit status."""
        self.send(signal.SIGKILL)
        status = self._guard.wait()
        self._close_pipe()
        return status

    def _close_pipe(self) -> None:
        if self._guard.stdin is not None:
            self._guard.stdin.close()
