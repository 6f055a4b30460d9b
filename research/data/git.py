"""Clone public repositories with Git."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from liuyan.errors import UsageError
from liuyan.progress import Report
from research.data.collect import Clone, missing

# A repository of gigabytes on a slow line.
SECONDS = 3_600


def clone_missing(clones: Iterable[Clone], folder: Path, report: Report) -> dict[str, str]:
    """Clone every repository that has no folder in ``folder``. Return Git's message by repository that failed.

    An unfinished clone is deleted, so that the next call starts it again. Raises UsageError when Git is not installed.
    """
    failed: dict[str, str] = {}
    absent = missing(clones, folder)
    for done, one in enumerate(absent):
        report("cloning repositories", done, len(absent))
        if message := _clone(one, folder):
            shutil.rmtree(folder / one.repository, ignore_errors=True)
            failed[one.repository] = message
    report("cloning repositories", len(absent), len(absent))
    return failed


def _clone(clone: Clone, folder: Path) -> str:
    """Return Git's error message, or nothing when the clone is complete."""
    # GitHub asks for a password when a repository is gone.
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    for command in clone.commands(folder):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
            )
        except FileNotFoundError as error:
            raise UsageError("Git is not installed. Install it, for example with your package manager.") from error
        except subprocess.TimeoutExpired:
            return f"not finished after {SECONDS} seconds"
        if done.returncode:
            return " ".join(done.stderr.split()) or f"git ended with status {done.returncode}"
    return ""
