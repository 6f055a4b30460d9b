"""Run the server's own client programs: its dump program and its command line client."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from store.backup_file import BackupError

MYSQL, MARIADB = "mysql", "mariadb"
# The programs for each kind of server, by preference.
DUMP = {MYSQL: ("mysqldump", "mariadb-dump"), MARIADB: ("mariadb-dump", "mysqldump")}
CLIENT = {MYSQL: ("mysql", "mariadb"), MARIADB: ("mariadb", "mysql")}
PACKAGES = {MYSQL: "mysql-client", MARIADB: "mariadb-client"}
# One consistent snapshot, without locks. Accounts of other installations must not appear in it, nor statements that
# need privileges on the whole server.
DUMP_OPTIONS = (
    "--single-transaction",
    "--quick",
    "--hex-blob",
    "--no-tablespaces",
    "--skip-comments",
    "--skip-add-drop-table",
    "--skip-add-locks",
    "--skip-lock-tables",
    "--skip-triggers",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
ONLY_MYSQL = ("--set-gtid-purged=OFF", "--column-statistics=0")
# In a line of its own in a dump; in texts, line feeds are escaped.
DEFINER = re.compile(rb"^(/\*!\d+ )DEFINER=\S+ (SQL SECURITY \w+ \*/)$")
# A client of MySQL does not understand the first line that MariaDB's dump program writes.
SANDBOX = b"/*M!999999"
# The longest line of a dump is one row, in hexadecimal.
LONGEST_LINE = 1 << 30


@dataclass(frozen=True, slots=True)
class Program:
    """A client program; ``kind`` is the server that it comes with, which decides its options."""

    path: str
    kind: str


def find_program(names: Sequence[str], kind: str) -> Program:
    """Return the first of ``names`` that works with a server of ``kind``. Raises BackupError if none is installed.

    Debian installs MariaDB's programs under MySQL's names too. They work with MySQL, but not the other way round.
    """
    for name in names:
        path = shutil.which(name)
        if path is not None:
            own = MARIADB if MARIADB in Path(path).resolve().name else MYSQL
            if own == kind or kind == MYSQL:
                return Program(path, own)
    raise BackupError(
        f"{names[0]} is not installed. Install the package {PACKAGES[kind]}, or run this command where it is installed."
    )


@contextmanager
def option_file(url: URL, program: Program) -> Iterator[str]:
    """Yield the name of a file with the address and the password, which must not appear in the list of processes."""
    with tempfile.TemporaryDirectory(prefix="liuyan-") as folder:
        path = Path(folder) / "options.cnf"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                "[client]\n" + "".join(f"{name}={_quoted(value)}\n" for name, value in _options(url, program.kind))
            )
        yield str(path)


@asynccontextmanager
async def running(command: Sequence[str], failure: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while the block runs; kill it if the block raises. Raises BackupError if the program fails."""
    with tempfile.TemporaryFile() as messages:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=messages,
            limit=LONGEST_LINE,
        )
        broken = False
        try:
            yield process
        except (BrokenPipeError, ConnectionResetError):
            broken = True
        except BaseException:
            process.kill()
            raise
        finally:
            status = await process.wait()
        if status != 0 or broken:
            messages.seek(0)
            lines = messages.read().decode(errors="replace").split("\n")
            said = next((line for line in reversed(lines) if line.strip()), f"exit status {status}")
            raise BackupError(f"{failure} ({said.strip()}).")


def without_definer(line: bytes) -> bytes:
    """Remove an account from a line of a dump: the account that restores it then owns the views."""
    if line.startswith(SANDBOX):
        return b""
    return DEFINER.sub(rb"\1\2", line) if line.startswith(b"/*!") else line


def _options(url: URL, kind: str) -> Iterator[tuple[str, str]]:
    query = {name: str(value) for name, value in url.query.items()}
    if "unix_socket" in query:
        yield "socket", query["unix_socket"]
    else:
        yield "host", url.host or "127.0.0.1"
        yield "port", str(url.port or 3306)
        yield "protocol", "tcp"
    yield "user", url.username or ""
    yield "password", url.password or ""
    for ours, theirs in (("ssl_ca", "ssl-ca"), ("ssl_cert", "ssl-cert"), ("ssl_key", "ssl-key")):
        if ours in query:
            yield theirs, query[ours]
    if any(name.startswith("ssl_") for name in query):
        checked = query.get("ssl_check_hostname", "true").lower() not in ("false", "0", "no")
        if kind == MARIADB:
            yield "ssl", "1"
            yield "ssl-verify-server-cert", "1" if checked else "0"
        else:
            yield "ssl-mode", "VERIFY_IDENTITY" if checked else "VERIFY_CA"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    return f'"{escaped}"'
