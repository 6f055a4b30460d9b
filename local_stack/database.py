"""The common base of MySQL and MariaDB."""

import getpass
import secrets
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pymysql

from local_stack import ports
from local_stack.errors import LocalStackError
from local_stack.server import Server

# Options of servers whose data need not survive a power failure; killed servers lose nothing. Creating tables takes
# half the time.
UNSYNCED = ("--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--skip-log-bin")


class DatabaseServer(Server):
    """A database server whose only account is ``liuyan``, with a random password and all privileges.

    ``options`` are additional command line options, for example ``--max-allowed-packet=1M``.
    """

    data_name: ClassVar[str] = "data"
    user: ClassVar[str] = "liuyan"

    def __init__(self, options: Sequence[str] = ()) -> None:
        super().__init__()
        self.password = secrets.token_hex(12)
        self._options = list(options)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL (asynchronous driver) of a database on this server."""
        return f"mysql+aiomysql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def create_database(self, name: str) -> str:
        """Create an empty utf8mb4 database and return its URL."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return self.url(name)

    @property
    @abstractmethod
    def _program(self) -> list[str]:
        """The server's program with the options for its installation folders."""

    @property
    def _data(self) -> Path:
        return self.folder / self.data_name

    def _command(self) -> list[str]:
        return [
            *self._program,
            f"--datadir={self._data}",
            f"--init-file={self._write_accounts()}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--character-set-server=utf8mb4",
            *self._options,
        ]

    def _write_accounts(self) -> Path:
        """Write statements to run at every start, so that other users of this machine have no access."""
        path = self.folder / "accounts.sql"
        path.touch(mode=0o600)
        path.write_text(
            f"CREATE USER IF NOT EXISTS '{self.user}'@'localhost' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{self.user}'@'localhost' WITH GRANT OPTION;\n"
            "DROP USER IF EXISTS 'root'@'localhost', 'root'@'127.0.0.1', 'root'@'::1';\n"
        )
        return path

    def _answers(self) -> bool:
        if not ports.answers(self.port):
            return False
        try:
            self._connect().close()
        except pymysql.MySQLError:
            return False
        return True

    def _connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            connect_timeout=5,
            read_timeout=60,
            autocommit=True,
        )


def unpacked_command(root: Path, program: str) -> list[str]:
    """Return the command to run a program unpacked into ``root`` with the C library unpacked next to it.

    That library may be newer than the system's, so its own loader must start the program. Raises LocalStackError.
    """
    loader = next(root.glob("usr/lib/*-linux-gnu/ld-linux*"), None) or next(
        root.glob("lib/*-linux-gnu/ld-linux*"), None
    )
    if loader is None:
        raise LocalStackError(f"{root} is damaged. Remove the folder to download it again.")
    folders = [str(root / part / loader.parent.name) for part in ("usr/lib", "lib")]
    return [str(loader), "--library-path", ":".join(folders), str(root / program)]


def user_option() -> str:
    """Return the option for the system account that the server runs as; the servers require it for root."""
    return f"--user={getpass.getuser()}"
