"""Which Go builds Helm and the example in Go."""

from collections.abc import Callable
from pathlib import Path

import pytest

import local_stack.helm
from local_stack.errors import LocalStackError
from local_stack.helm import go, run_go


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that makes a script the system's only Go."""

    def write(script: str) -> Path:
        program = tmp_path / "bin" / "go"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        monkeypatch.setattr(local_stack.helm, "cached_folder", lambda name, *_, **__: tmp_path / name)
        return program

    return write


@pytest.mark.parametrize(
    ("version", "used"),
    [("go1.19.8", False), ("go1.23.12", False), ("go1.24", True), ("go1.26.8", True), ("devel", False), ("", False)],
)
def test_go_of_the_system_is_used_if_it_is_new_enough(
    install: Callable[[str], Path], tmp_path: Path, version: str, used: bool
) -> None:
    program = install(f"echo {version}")
    assert go() == str(program if used else tmp_path / "go-1.27.3" / "go" / "bin" / "go")


def test_failed_build_is_reported_with_its_last_lines(install: Callable[[str], Path], tmp_path: Path) -> None:
    install('case $1 in env) echo go1.26;; *) echo "one\ntwo\nthree\nno such module" >&2; exit 1;; esac')
    with pytest.raises(LocalStackError, match=r"^`go install x` failed: two / three / no such module$"):
        run_go("install", "x", folder=tmp_path)
