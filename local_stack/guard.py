"""Run a program and kill it when the parent process ends; process.py starts this file as a script.

Arguments: the log file, the folder to remove if the parent dies (or an empty string), and the command. Standard input
is a pipe that the parent keeps open, so its end means that the parent has ended, even by SIGKILL. PR_SET_PDEATHSIG
alone would not suffice, because it reacts to the end of the thread that started the program.
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
    """Run the command and return its exit status; write its process id to standard output."""
    log, folder, *command = sys.argv[1:]
    with open(log, "ab") as output:  # noqa: PTH123 - importing pathlib would double the startup time
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
    """Let the kernel kill the program if the guard itself is killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_parent(child: "subprocess.Popen[bytes]", orphaned: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    orphaned.set()
    child.kill()


if __name__ == "__main__":
    sys.exit(main())
