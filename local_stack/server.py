"""What Kafka, MySQL and MariaDB have in common: a data folder, a port, and a life that tests can play with."""

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


class Server(ABC):
    """A server on 127.0.0.1, started by ``start()`` or by entering it as a context manager.

    Its data folder lies in the system's temporary folder, outlives stop(), kill() and restart(), and goes with close().
    The port stays the same for life.
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
        """The server's process id; None when it never started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the server's process lives; it does while paused."""
        return self._process is not None and self._process.running

    @abstractmethod
    def get(self) -> None:
        """Download the server's files, unless they are in the cache; start() does so too. Raises LocalStackError."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the data folder ready, once. Raises LocalStackError."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server answers its clients."""

    def start(self) -> None:
        """Start the server and wait until it answers. Raises LocalStackError with the end of its log."""
        if self.running:
            return
        if not self._prepared:
            self.get()
            self._prepare()
            self._prepared = True
        self._process = self._run(self._command())
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if not self._process.running:
                raise LocalStackError(f"{self.name} ended while it started{self._last_words()}")
            if time.monotonic() > deadline:
                self._process.kill()
                raise LocalStackError(f"{self.name} did not answer for {self.start_seconds:.0f} s{self._last_words()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server in order (SIGTERM), or by force when it takes too long; its data stays."""
        if self._process is not None:
            self._process.stop(self.stop_seconds)

    def kill(self) -> None:
        """End the server with SIGKILL; its data stays as that left it."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Stop the server's clock (SIGSTOP): connections stay open and nobody answers."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def restart(self) -> None:
        """Stop the server, if it runs, and start it on the same port with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the server at once and remove its data."""
        self.kill()
        self._port.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self, command: list[str]) -> Process:
        return Process(command, self.log, remove_if_orphaned=self.folder)

    def _run_to_end(self, command: list[str], what: str) -> None:
        process = self._run(command)
        if process.wait(self.start_seconds) != 0:
            process.kill()
            raise LocalStackError(f"{self.name}: {what} failed{self._last_words()}")

    def _last_words(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        # Java's stack frames hide what happened.
        lines = [line for line in text.splitlines() if not line.startswith("\tat ")]
        return "; the end of its log:\n" + "\n".join(lines[-LOG_LINES:]) if lines else "; its log is empty."
