"""The previous release, exported from the history of this repository, and a made-up later one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from liuyan.packages import PACKAGES
from store.migrate import newest_revision

# The last commit whose newest migration is 0017.
COMMIT = "0ac79f187238ae46da302c6111c4859de9cc4d0a"
REVISION = "0017"
ROOT = Path(__file__).parents[2]
LATER_REVISION = "9999"
LATER = '''"""A migration of a later release, made up for a test."""

import sqlalchemy as sa

from migrations.repeatable import add_column, create_table

revision = "9999"
down_revision = "{newest}"


def upgrade() -> None:
    add_column("comments", sa.Column("later", sa.Integer, nullable=False, server_default="7"))
    create_table("later", sa.Column("number", sa.Integer, primary_key=True))
'''


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


def export_later(folder: Path) -> Path:
    """Write the packages of the working tree into ``folder``, with one more migration, and return it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    content = LATER.format(newest=newest_revision())
    (folder / "migrations" / "versions" / f"{LATER_REVISION}_later.py").write_text(content)
    return folder
