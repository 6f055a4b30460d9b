"""The previous release, exported from the history of this repository."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# The last commit whose newest migration is 0017.
COMMIT = "0ac79f1"
REVISION = "0017"
ROOT = Path(__file__).parents[2]


def export_previous(folder: Path) -> Path:
    """Write the files of the previous release into ``folder`` and return it; fail if the history lacks it."""
    archive = folder / "release.tar"
    done = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", f"--output={archive}", COMMIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (
        f"The previous release (commit {COMMIT}) is not in the history of this checkout: {done.stderr.strip()}. "
        "Fetch the whole history with `git fetch --unshallow`."
    )
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)
    archive.unlink()
    return folder


def environment(release: Path, **settings: str) -> dict[str, str]:
    """Return the environment in which Python imports the packages of ``release`` instead of the working tree's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIUYAN_")}
    return {**inherited, "PYTHONPATH": str(release), **settings}


def run_with(release: Path, script: Path, arguments: Sequence[str]) -> str:
    """Run a script with the packages of ``release`` and return its output."""
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(
        command, env=environment(release), cwd=release, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
