"""The consumer and the API as processes of their own, started with the commands that everybody uses."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from liuyan.demo.errors import DemoError
from liuyan.settings import PREFIX
from local_stack.process import Process

LAST_LINES = 5
STOP_SECONDS = 20


class Program:
    """``liuyan ARGUMENTS`` with the settings given, and no others; its log lies in ``folder``, where it also works, so
    that it reads no ``.env`` file of whoever starts the demo."""

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
        """Whether the program has not ended."""
        return self._process.running

    def check(self) -> None:
        """Raises DemoError when the program has ended."""
        if not self.running:
            last = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise DemoError(f"`{self.name}` ended by itself; the end of its log:\n" + "\n".join(last))

    def stop(self) -> None:
        """End the program in order, or by force when it takes too long."""
        self._process.stop(STOP_SECONDS)

    def kill(self) -> None:
        """End the program at once."""
        self._process.kill()
