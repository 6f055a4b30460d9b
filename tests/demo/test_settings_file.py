"""The file with the running demo's settings: readable by its owner only, loaded by a shell, removed at the end."""

import os
import subprocess
from pathlib import Path

import pytest

from liuyan.demo.settings_file import SettingsFile

VALUES = {"LIUYAN_GROUP": "a group's 'name' $HOME `id`", "DEMO_URL": "http://127.0.0.1:8000"}


def loaded(path: Path) -> dict[str, str]:
    """Return the variables of VALUES after a shell has loaded the file."""
    command = f". ./{path.name} && env -0"
    shell = subprocess.run(["sh", "-c", command], cwd=path.parent, capture_output=True, text=True, check=True, env={})
    variables = dict(line.split("=", 1) for line in shell.stdout.split("\0") if line)
    return {name: variables[name] for name in VALUES}


@pytest.mark.parametrize("mask", [0o022, 0o000])
def test_a_shell_loads_the_file_and_only_the_owner_reads_it(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "demo.env"
    before = os.umask(mask)
    try:
        file = SettingsFile(path)
        file.write(VALUES)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert loaded(path) == VALUES
    assert str(file) == "demo.env"
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_demo_removes_only_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "demo.env"
    path.write_text("left by a demo that was killed")
    path.chmod(0o644)
    first, second = SettingsFile(path), SettingsFile(path)
    first.write(VALUES)
    second.write({**VALUES, "DEMO_URL": "http://127.0.0.1:8001"})
    first.remove()
    assert loaded(path)["DEMO_URL"] == "http://127.0.0.1:8001"
    assert path.stat().st_mode & 0o777 == 0o600
    second.remove()
    assert not path.exists()


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "demo.env", tmp_path / "target"
    target.write_text("unchanged")
    path.symlink_to(target)
    SettingsFile(path).write(VALUES)
    assert target.read_text() == "unchanged"
    assert not path.is_symlink()


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "missing" / "demo.env")
    file.write(VALUES)
    assert str(file) == "demo.env (not written: No such file or directory)"
    file.remove()
