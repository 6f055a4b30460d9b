"""A small file system that tests can fill, so that a server meets a really full disk. Linux only; needs root."""

import contextlib
import os
import time
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.process import Process
from local_stack.server import Startable

START_SECONDS = 10
BLOCK = bytes(1 << 20)
BALLAST = "ballast"
READY = ".ready"


class SmallDisk(Startable):
    """A tmpfs of ``megabytes`` at ``folder``, in a mount namespace of its own that disappears with this process.

    Only programs started with the command that ``inside`` returns see its contents. start() raises LocalStackError if
    this process may not mount file systems.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes
        self._holder: Process | None = None

    def start(self) -> None:
        """Mount the file system."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder.with_name(f"{self.folder.name}.log")
        mount = f'mount -t tmpfs -o size={self._megabytes}m,mode=0700 tmpfs "$1" && : > "$1/{READY}"'
        command = ["unshare", "--mount", "sh", "-c", f"{mount} && exec sleep infinity", "sh", str(self.folder)]
        self._holder = Process(command, log)
        deadline = time.monotonic() + START_SECONDS
        while not (self._seen_by_holder / READY).exists():
            if not self._holder.running or time.monotonic() > deadline:
                raise LocalStackError(
                    "Cannot mount a small file system, which needs Linux and root. Run this as root with the "
                    "capability SYS_ADMIN, or omit the full disk.",
                    *log.read_text().splitlines()[-3:],
                )
            time.sleep(0.05)

    def inside(self, command: list[str]) -> list[str]:
        """Return the command that runs ``command`` where the file system is visible."""
        assert self._holder is not None  # noqa: S101 - started
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", *command]

    def fill(self) -> None:
        """Occupy all free space. Call it again after something was deleted."""
        with (self._seen_by_holder / BALLAST).open("ab", buffering=0) as ballast:
            for block in (BLOCK, BLOCK[:4096]):
                with contextlib.suppress(OSError):  # No space is left.
                    while True:
                        ballast.write(block)

    def free(self) -> None:
        """Release what ``fill`` occupied."""
        (self._seen_by_holder / BALLAST).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return the free space."""
        found = os.statvfs(self._seen_by_holder)
        return found.f_bavail * found.f_frsize

    def close(self) -> None:
        """Unmount the file system. Its contents are lost."""
        if self._holder is not None:
            self._holder.kill()

    @property
    def _seen_by_holder(self) -> Path:
        assert self._holder is not None  # noqa: S101 - started
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")
