"""Keep the tables of the inference network in a file that all processes of a machine map into memory.

A table takes 60 MB per direction. Processes that map the same file share its pages, and a process that finds the file
does not compute it. Without a folder, or if it cannot be written, each process has its own tables. Other users may read
the files, so that their processes can share them.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy
import structlog

from model.kernel import Floats

log = structlog.get_logger(__name__)

# Raise this number when the contents of a table change, so that files of earlier versions are not used.
VERSION = 2
# Files of models that no process has loaded for so long are removed, and so are all but the most recently loaded ones.
# Processes that have mapped a removed file keep it.
KEPT_SECONDS = 7 * 24 * 3600
KEPT_FILES = 4
MODE = 0o644
# The name of an unfinished file starts with this; one that is older than this was left by a process that died.
PART = "part-"
LEFT_OVER_SECONDS = 3600
_CHUNK_SIZE = 1 << 20


def shared_tables(folder: Path | None, sha256: str, compute: Callable[[], Floats]) -> Floats:
    """Return the tables of the artifact with this ``sha256``: mapped from a file in ``folder``, or from ``compute``.

    A damaged file is replaced.
    """
    if folder is None:
        return compute()
    file = folder / f"{sha256}-{VERSION}.npy"
    if not _is_complete(file):
        computed = compute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(file, computed)
            _remove_unused(folder)
        except OSError as error:
            log.warning("cannot share the word tables with other processes", folder=str(folder), error=str(error))
            return computed
    try:
        with suppress(OSError):  # the folder may be read-only
            os.utime(file)
        tables: Floats = numpy.load(file, mmap_mode="r")
    except (OSError, ValueError):  # another process has removed it
        return compute()
    return tables


def _is_complete(file: Path) -> bool:
    """Return whether the file has the checksum that was written with it."""
    try:
        return _sum_file(file).read_text() == _digest(file)
    except OSError:
        return False


def _write(file: Path, tables: Floats) -> None:
    """Write a file and its checksum, each at once, because other processes may read or write them."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=PART, delete=False) as stream:
        temporary = Path(stream.name)
    try:
        with temporary.open("wb") as stream:
            numpy.save(stream, tables)
        temporary.chmod(MODE)
        digest = _digest(temporary)
        temporary.replace(file)
        temporary.write_text(digest)
        temporary.chmod(MODE)
        temporary.replace(_sum_file(file))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_unused(folder: Path) -> None:
    """Remove what no process has loaded for long, and parts that were left by processes that died."""
    now = time.time()
    tables = sorted(((_loaded_at(file), file) for file in folder.glob("*.npy")), reverse=True)
    unused = [file for at, (loaded, file) in enumerate(tables) if at >= KEPT_FILES or loaded < now - KEPT_SECONDS]
    unused += [file for file in folder.glob(f"{PART}*") if _loaded_at(file) < now - LEFT_OVER_SECONDS]
    for file in unused:
        with suppress(OSError):  # another process has removed it, or it belongs to another user
            file.unlink()
            _sum_file(file).unlink(missing_ok=True)


def _loaded_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _sum_file(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_SIZE):
            digest.update(chunk)
    return digest.hexdigest()
