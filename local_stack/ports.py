"""Reserve ports so that no two processes choose the same one."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from types import TracebackType

from local_stack.errors import LocalStackError

# Below Linux's range for outgoing connections, which could otherwise occupy the port of a stopped server.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200


class ReservedPort:
    """A free port of 127.0.0.1, reserved by a file lock until closed, even while no server listens on it.

    Raises LocalStackError if no port is free.
    """

    def __init__(self) -> None:
        folder = Path(tempfile.gettempdir()) / f"liuyan-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for _ in range(ATTEMPTS):
            number = random.randint(FIRST, LAST)  # noqa: S311 - not a secret
            lock = (folder / str(number)).open("w")
            if _locked(lock.fileno()) and _is_free(number):
                self.number = number
                self._lock = lock
                return
            lock.close()
        raise LocalStackError(f"No free port of 127.0.0.1 found between {FIRST} and {LAST}. Stop some servers.")

    def close(self) -> None:
        """Release the port. May be called twice."""
        self._lock.close()

    def __enter__(self) -> "ReservedPort":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    """Return whether a server could listen on the port; like servers, with SO_REUSEADDR."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Return whether a server accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
