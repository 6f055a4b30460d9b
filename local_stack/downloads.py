"""Download files once and completely into the cache folder, which all checkouts share."""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from liuyan.settings import load_settings
from local_stack.errors import LocalStackError

TIMEOUT_SECONDS = 900


def cached_folder(name: str, message: str, fill: Callable[[Path], None], *, spinner: bool = True) -> Path:
    """Return the folder ``name`` of the cache; if it is missing, ``fill`` fills a temporary folder that is renamed.

    Shows ``message`` meanwhile, with a spinner on a terminal; pass ``spinner=False`` if other threads may show one.
    Concurrent processes wait for each other. If ``fill`` raises, nothing is kept.
    """
    cache = load_settings().cache_dir / "local_stack"
    target = cache / name
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStackError(
            f"Cannot write to {cache} ({error.strerror}). Set LIUYAN_CACHE_DIR to a writable folder."
        ) from None
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        temporary = Path(tempfile.mkdtemp(prefix=f"{name}.part-", dir=cache))
        try:
            _show(message, lambda: fill(temporary), spinner=spinner)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def run(command: Sequence[str], failure: str, *, folder: Path | None = None) -> str:
    """Run a program and return its output. Raises LocalStackError with ``failure`` and the end of its messages."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            cwd=folder,
            check=False,
        )
    except FileNotFoundError:
        raise LocalStackError(f"{failure} ({command[0]} is not installed.)") from None
    except subprocess.TimeoutExpired:
        raise LocalStackError(f"{failure} ({command[0]} took longer than {TIMEOUT_SECONDS} s.)") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise LocalStackError(f"{failure} ({command[0]}: {' / '.join(lines)})")
    return done.stdout


def _show(message: str, work: Callable[[], None], *, spinner: bool) -> None:
    console = Console(stderr=True)
    if spinner and console.is_terminal:
        with console.status(message):
            work()
    else:
        console.print(message)
        work()
