"""What is downloaded is kept whole or not at all, and fetched once by processes that want it at the same time."""

import subprocess
import sys
from pathlib import Path

import pytest

from local_stack import host
from local_stack.downloads import kept, run
from local_stack.errors import LocalStackError

GETS_SLOWLY = """
import sys, time
from pathlib import Path
from local_stack.downloads import kept

def fill(folder):
    time.sleep(0.5)
    with Path(sys.argv[1]).open("a") as calls:
        calls.write("once ")
    (folder / "file").write_text("whole")

print((kept("thing", "Getting a thing ...", fill) / "file").read_text())
"""


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))


def test_a_failed_download_leaves_nothing_and_the_next_one_is_kept(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise LocalStackError("The network is away.")

    with pytest.raises(LocalStackError, match="network is away"):
        kept("thing", "Getting a thing ...", fail)
    assert [path.name for path in (tmp_path / "cache" / "local_stack").iterdir()] == ["thing.lock"]

    folder = kept("thing", "Getting a thing ...", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert kept("thing", "Getting a thing ...", fail) == folder


def test_two_processes_at_once_download_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    command = [sys.executable, "-c", GETS_SLOWLY, str(calls)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["whole\n"] * 3
    assert calls.read_text() == "once "


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(LocalStackError, match="set LIUYAN_CACHE_DIR to a folder"):
        kept("thing", "Getting a thing ...", lambda folder: None)


def test_a_program_that_fails_or_is_missing_is_quoted() -> None:
    with pytest.raises(LocalStackError, match=r"^It did not work\. \(bash: away\)$"):
        run(["bash", "-c", "echo away >&2; exit 3"], "It did not work.")
    with pytest.raises(LocalStackError, match="no-such-program is not installed"):
        run(["no-such-program"], "It did not work.")


def test_who_may_not_install_packages_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LocalStackError, match="`apt-get install default-jre-headless maven`"):
        host.install("default-jre-headless", "maven")
