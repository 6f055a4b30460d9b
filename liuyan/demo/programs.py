"""Run the consumer and the API as processes, with the usual commands."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from liuyan.demo.errors import DemoError
from liuyan.settings_file import PREFIX
from local_stack.process import Process

LAST_LINES = 5
STOP_SECONDS = 20


class Program:
    """A process of ``liuyan ARGUMENTS`` with only the given settings.

    ``folder`` contains its log and is its working directory, so that it does not read the user's ``.env`` file.
    """

    def __init__(self, arguments: Sequence[str], settings: Mapping[str, str], folder: Path) -> None:
        self.name = " ".join(["liuyan", *arguments[:2]])
        self._log = folder / f"{'-'.join(arguments[:2])}.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._process = Process(
            [sys.executable, "-m", "liuyan", *arguments],
            self._log,
            remove_if_orphaned=folder,
            environment={**inherited, **settings},
            folder=folder,
        )

    @property
    def running(self) -> bool:
        """Whether the program is running."""
        return self._process.running

    def check(self) -> None:
        """Raise DemoError if the program has ended."""
        if not self.running:
            last = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise DemoError(f"`{self.name}` ended unexpectedly. The end of its log:", *last)

    def stop(self) -> None:
        """Stop the program; kill it if it does not stop within ``STOP_SECONDS``."""
        self._process.stop(STOP_SECONDS)

    def kill(self) -> None:
        """Kill the program."""
        self._process.kill()
