"""Wall clocks of consumers that tests set: a preloaded library shifts them, while they run."""

import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
DAY = 86_400


class Clock:
    """The wall clock of the processes with ``environment``. It is right until it is set."""

    def __init__(self, folder: Path, name: str) -> None:
        self._library = folder / "clock.so"
        self._file = folder / f"clock-{name}"
        self.set(0)

    def set(self, ahead: int) -> None:
        """Set the clock this many seconds ahead of the machine's; a negative number sets it back."""
        # Not truncated: the processes have mapped the file.
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(ahead.to_bytes(8, "little", signed=True))

    def environment(self) -> dict[str, str]:
        """Return the variables that make a process use this clock."""
        if not self._library.exists():
            compiler = os.environ.get("CC", "cc")
            command = [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE)]
            subprocess.run(command, check=True)
        return {"LD_PRELOAD": str(self._library), "TEST_CLOCK_FILE": str(self._file)}
