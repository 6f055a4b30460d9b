"""The common base of Kafka, MySQL and MariaDB: a data folder, a port and a process that tests control."""

import shutil
import signal
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from local_stack.errors import LocalStackError
from local_stack.ports import ReservedPort
from local_stack.process import Process

LOG_LINES = 15


class Startable(ABC):
    """What runs between ``start`` and ``close``: a context manager."""

    @abstractmethod
    def start(self) -> None:
        """Start it. Raises LocalStackError."""

    @abstractmethod
    def close(self) -> None:
        """Kill what was started and remove its data."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Server(Startable):
    """A server on 127.0.0.1, started with ``start()`` or as a context manager.

    Its data folder is in the system's temporary folder; stop(), kill() and restart() keep it, and close() removes it.
    The port does not change.
    """

    name: ClassVar[str]
    start_seconds: ClassVar[float] = 60
    stop_seconds: ClassVar[float] = 20

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"liuyan-{self.name.lower()}-"))
        self.log = self.folder / "log"
        self._port = ReservedPort()
        self._process: Process | None = None
        self._prepared = False

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self._port.number

    @property
    def pid(self) -> int | None:
        """The server's process id; None if it was never started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the server's process has not ended; a paused server is running."""
        return self._process is not None and self._process.running

    @abstractmethod
    def download(self) -> None:
        """Download the server's files unless they are cached; start() calls this. Raises LocalStackError."""

    @abstractmethod
    def _prepare(self) -> None:
        """Prepare the data folder, once. Raises LocalStackError."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether the server answers clients."""

    def start(self) -> None:
        """Start the server and wait until it answers. Raises LocalStackError with the end of its log."""
        if self.running:
            return
        if not self._prepared:
            self.download()
            self._prepare()
            self._prepared = True
        self._process = self._run(self._command())
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if not self._process.running:
                raise self._failed("ended during startup")
            if time.monotonic() > deadline:
                self._process.kill()
                raise self._failed(f"did not answer within {self.start_seconds:.0f} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server with SIGTERM, kill it if that takes too long, and keep its data."""
        if self._process is not None:
            self._process.stop(self.stop_seconds)

    def kill(self) -> None:
        """Kill the server with SIGKILL and keep its data."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Suspend the server with SIGSTOP: connections stay open without a response."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a paused server with SIGCONT."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def restart(self) -> None:
        """Stop the server if it is running, and start it on the same port with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kill the server and remove its data."""
        self.kill()
        self._port.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[str]) -> Process:
        return Process(command, self.log, remove_if_orphaned=self.folder)

    def _run_to_end(self, command: list[str], step: str) -> None:
        process = self._run(command)
        if process.wait(self.start_seconds) != 0:
            process.kill()
            raise self._failed(f"failed while {step}")

    def _failed(self, what: str) -> LocalStackError:
        """Return the error with the end of the server's log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        # Leave out Java's stack frames.
        lines = [line for line in text.splitlines() if not line.startswith("\tat ")]
        if not lines:
            return LocalStackError(f"{self.name} {what}. Its log is empty.")
        return LocalStackError(f"{self.name} {what}. The end of its log:", *lines[-LOG_LINES:])
