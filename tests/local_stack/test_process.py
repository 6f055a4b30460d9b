"""A child process ends when it is stopped, and when its parent ends for any reason."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local_stack.process import Process
from tests.waiting import eventually

PARENT = """
import sys, time
from pathlib import Path
from local_stack.process import Process

folder = Path(sys.argv[1])
process = Process(["sleep", "60"], folder / "log", remove_if_orphaned=folder)
print(process.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Return whether the process is running; a zombie process is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("paused", [False, True])
def test_killed_parent_takes_program_and_folder_with_it(tmp_path: Path, paused: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        if paused:
            os.kill(pid, signal.SIGSTOP)
        parent.kill()
    assert eventually(lambda: not alive(pid))
    assert eventually(lambda: not folder.exists())


def test_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[Process] = []
    thread = threading.Thread(target=lambda: started.append(Process(["sleep", "60"], tmp_path / "log")))
    thread.start()
    thread.join()
    time.sleep(0.3)
    (process,) = started
    assert process.running
    assert process.kill() == 128 + signal.SIGKILL


def test_program_ends_when_its_guard_is_killed(tmp_path: Path) -> None:
    process = Process(["sleep", "60"], tmp_path / "log")
    assert process.pid is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    guard = int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])
    os.kill(guard, signal.SIGKILL)
    pid = process.pid
    assert eventually(lambda: not alive(pid))
    assert not process.running or eventually(lambda: not process.running)
    process.kill()


def test_stop_sends_sigterm(tmp_path: Path) -> None:
    process = Process(
        ["bash", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"], tmp_path / "log"
    )
    assert eventually(lambda: "up" in (tmp_path / "log").read_text())
    assert process.stop(10) == 7
    assert (tmp_path / "log").read_text() == "up\nbye\n"
    assert not process.running


def test_stop_kills_a_program_that_ignores_sigterm(tmp_path: Path) -> None:
    process = Process(["bash", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], tmp_path / "log")
    assert eventually(lambda: "up" in (tmp_path / "log").read_text())
    assert process.stop(0.3) == 128 + signal.SIGKILL


def test_paused_program_can_be_stopped(tmp_path: Path) -> None:
    process = Process(["sleep", "60"], tmp_path / "log")
    process.send(signal.SIGSTOP)
    assert process.stop(10) == 128 + signal.SIGTERM


def test_missing_program_is_logged(tmp_path: Path) -> None:
    process = Process(["/no/such/program"], tmp_path / "log")
    assert process.wait(10) == 127
    assert process.pid is None
    assert (tmp_path / "log").read_text() == "/no/such/program: No such file or directory\n"
