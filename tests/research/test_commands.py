"""Every command has help with an example, and errors are one line on standard error."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

ROOT = Path(__file__).parents[2]
COMMANDS = ["data", "build", "teacher encoder", "train", "benchmark", "unseen", "corrections", "ablation", "cases"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    done = run(*f"research.{command} --help".split())
    assert done.returncode == 0, done.stderr
    assert f"python -m research.{command}" in " ".join(done.stdout.split())


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "research" / "README.md").read_text(encoding="utf-8")
    assert [command for command in COMMANDS if f"python -m research.{command} " not in readme] == []


def test_an_error_is_one_line(tmp_path: Path) -> None:
    done = run("research.train", "--output", str(tmp_path / "model"), "--set", "speed=1")
    assert done.returncode == 2
    assert done.stderr.startswith("liuyan: --set speed=1 is not an option of a training")
    assert done.stderr.count("\n") == 1
