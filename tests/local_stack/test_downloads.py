"""Downloads are cached completely or not at all, and concurrent processes download once."""

import subprocess
import sys
from pathlib import Path

import pytest

from local_stack import host
from local_stack.downloads import cached_folder, run
from local_stack.errors import LocalStackError

SLOW_DOWNLOAD = """
import sys, time
from pathlib import Path
from local_stack.downloads import cached_folder

def fill(folder):
    time.sleep(0.5)
    with Path(sys.argv[1]).open("a") as calls:
        calls.write("once ")
    (folder / "file").write_text("whole")

print((cached_folder("thing", "Downloading a thing ...", fill) / "file").read_text())
"""


@pytest.fixture(autouse=True)
def _separate_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))


def test_failed_download_leaves_nothing_and_the_next_one_is_cached(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise LocalStackError("The network is unavailable.")

    with pytest.raises(LocalStackError, match="network is unavailable"):
        cached_folder("thing", "Downloading a thing ...", fail)
    assert [path.name for path in (tmp_path / "cache" / "local_stack").iterdir()] == ["thing.lock"]

    folder = cached_folder("thing", "Downloading a thing ...", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert cached_folder("thing", "Downloading a thing ...", fail) == folder


def test_concurrent_processes_download_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    command = [sys.executable, "-c", SLOW_DOWNLOAD, str(calls)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["whole\n"] * 3
    assert calls.read_text() == "once "


def test_unwritable_cache_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(LocalStackError, match="Set LIUYAN_CACHE_DIR to a writable folder"):
        cached_folder("thing", "Downloading a thing ...", lambda folder: None)


def test_failed_and_missing_programs_are_reported() -> None:
    with pytest.raises(LocalStackError, match=r"^Cannot do it\. \(bash: refused\)$"):
        run(["bash", "-c", "echo refused >&2; exit 3"], "Cannot do it.")
    with pytest.raises(LocalStackError, match="no-such-program is not installed"):
        run(["no-such-program"], "Cannot do it.")


def test_error_names_the_install_command_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LocalStackError, match="`apt-get install default-jre-headless maven`"):
        host.install("default-jre-headless", "maven")
