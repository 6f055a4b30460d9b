"""Downloads that are made once, whole or not at all, and kept in the cache folder that all checkouts share."""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from liuyan.settings import load_settings
from local_stack.errors import LocalStackError

SECONDS = 900


def kept(name: str, what: str, fill: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache; when it is not there, ``fill`` makes it in a folder that is then renamed.

    ``what`` is shown while that lasts. Two processes that want the same wait for each other. Whatever ``fill`` raises
    is passed on, and nothing is kept.
    """
    cache = load_settings().cache_dir / "local_stack"
    target = cache / name
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStackError(
            f"{cache} cannot be written ({error.strerror}): set LIUYAN_CACHE_DIR to a folder that can."
        ) from None
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        part = Path(tempfile.mkdtemp(prefix=f"{name}.part-", dir=cache))
        try:
            _show(what, lambda: fill(part))
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return target


def run(command: Sequence[str], failure: str, *, folder: Path | None = None) -> str:
    """Run a program to its end; returns its standard output. Raises LocalStackError: ``failure`` and its last words."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, cwd=folder, check=False
        )
    except FileNotFoundError:
        raise LocalStackError(f"{failure} ({command[0]} is not installed.)") from None
    except subprocess.TimeoutExpired:
        raise LocalStackError(f"{failure} ({command[0]} took longer than {SECONDS} s.)") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise LocalStackError(f"{failure} ({command[0]}: {' / '.join(words)})")
    return done.stdout


def _show(what: str, work: Callable[[], None]) -> None:
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(what):
            work()
    else:
        console.print(what)
        work()
