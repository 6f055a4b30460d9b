"""Runs one program and ends it when the process that asked for it is gone; started as a script by process.py.

Arguments: the log file, the folder to remove when the parent died (or an empty string), the command. Standard input is
a pipe that the parent holds open and never writes to: its end is the sign that the parent died, by whatever signal. The
death of the thread that started it, which PR_SET_PDEATHSIG looks at, would be the wrong sign: so this stands between.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the command and return its exit status; its process id is the first line on standard output."""
    log, folder, *command = sys.argv[1:]
    with open(log, "ab") as output:  # noqa: PTH123 - pathlib would double the start's time
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_guard,
            )
        except OSError as error:
            output.write(f"{command[0]}: {error.strerror}\n".encode())
            return 127
    os.write(1, f"{child.pid}\n".encode())
    os.close(1)
    orphaned = threading.Event()
    threading.Thread(target=_end_with_parent, args=(child, orphaned), daemon=True).start()
    status = child.wait()
    if orphaned.is_set() and folder:
        shutil.rmtree(folder, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _die_with_guard() -> None:
    """Should somebody kill the guard itself, the kernel kills the program (Linux alone can)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_parent(child: "subprocess.Popen[bytes]", orphaned: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    orphaned.set()
    child.kill()


if __name__ == "__main__":
    sys.exit(main())
