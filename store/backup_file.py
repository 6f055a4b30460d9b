"""The file of a backup: gzip of a header line, the content and an end line with the content's SHA-256.

The header and the end are SQL comments, so the backup of a server can also be restored with `zcat FILE | mysql`.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from liuyan.errors import LiuyanError

# Number of compressed bytes read or written so far, and of all; 0 means unknown.
Progress = Callable[[int, int], None]

MARK = b"-- liuyan backup "
END = b"\n-- liuyan end "
DIGEST_LENGTH = 64
END_LENGTH = len(END) + DIGEST_LENGTH + 1
CHUNK = 1 << 20
# The content compresses ten times faster than with gzip's default, and to about the same size.
LEVEL = 3
VERSION = 1
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


class BackupError(LiuyanError):
    """A backup cannot be written, read or restored."""


@dataclass(frozen=True, slots=True)
class BackupHeader:
    """What a backup contains: ``database`` is mysql, mariadb or sqlite, ``revision`` that of the tables.

    The snapshot was taken at ``taken_at`` (ISO 8601, UTC) or shortly after.
    """

    database: str
    revision: str
    taken_at: str
    version: int = VERSION

    @property
    def time(self) -> datetime:
        """The time of the backup."""
        return datetime.fromisoformat(self.taken_at).astimezone(UTC)


class BackupWriter:
    """Writes the content of a backup; ``written`` counts its bytes."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.written = 0

    def write(self, content: bytes) -> None:
        """Append to the content."""
        self._digest.update(content)
        self.written += len(content)
        self._stream.write(content)

    def end(self) -> None:
        """Write the end line, without which the file counts as incomplete."""
        self._stream.write(END + self._digest.hexdigest().encode() + b"\n")


@contextmanager
def writing_backup(path: Path, header: BackupHeader, *, overwrite: bool) -> Iterator[BackupWriter]:
    """Yield a writer for the backup at ``path``, which appears there once it is complete and on disk.

    Only the owner can read the file. Raises BackupError if the file exists, unless ``overwrite``, and OSError.
    """
    if path.exists() and not overwrite:
        raise BackupError(f"{path} exists. Choose another name, or replace it with --overwrite.")
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=LEVEL) as stream:
                stream.write(MARK + json.dumps(asdict(header)).encode() + b"\n")
                writer = BackupWriter(stream)
                yield writer
                writer.end()
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def verify_backup(path: Path, progress: Progress) -> BackupHeader:
    """Read a whole backup and return its header. Raises BackupError if it is incomplete or damaged, and OSError."""
    digest = hashlib.sha256()
    size = path.stat().st_size
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as stream:
            header = _header(path, stream)
            tail = b""
            while chunk := stream.read(CHUNK):
                tail += chunk
                digest.update(tail[:-END_LENGTH])
                tail = tail[-END_LENGTH:]
                progress(file.tell(), size)
    except DAMAGE:
        raise _damaged(path) from None
    if not tail.startswith(END):
        raise _damaged(path)
    if tail[len(END) : -1] != digest.hexdigest().encode():
        raise BackupError(f"{path} is damaged: its checksum differs. Use another backup.")
    return header


def backup_content(path: Path, progress: Progress) -> Iterator[bytes]:
    """Yield the content of a verified backup in chunks. Raises BackupError and OSError."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as stream:
            _header(path, stream)
            tail = b""
            while chunk := stream.read(CHUNK):
                tail += chunk
                yield tail[:-END_LENGTH]
                tail = tail[-END_LENGTH:]
                progress(file.tell(), size)
    except DAMAGE:
        raise _damaged(path) from None


def _header(path: Path, stream: gzip.GzipFile) -> BackupHeader:
    try:
        line = stream.readline(CHUNK)
    except gzip.BadGzipFile:
        line = b""
    if not line.startswith(MARK):
        raise BackupError(f"{path} is not a backup of Liuyan. Use a file that `liuyan store backup` wrote.")
    fields = json.loads(line[len(MARK) :])
    if fields["version"] != VERSION:
        raise BackupError(f"{path} was written by a newer version of Liuyan. Upgrade this program.")
    return BackupHeader(**fields)


def _damaged(path: Path) -> BackupError:
    return BackupError(f"{path} is incomplete or damaged. Use another backup.")
