"""A genuine MariaDB from Debian's packages of the release that this system is."""

import subprocess
from pathlib import Path
from typing import ClassVar

from local_stack import apt
from local_stack.database import DatabaseServer, account, through_own_loader
from local_stack.downloads import kept
from local_stack.errors import LocalStackError

# What mariadb-install-db, a shell script that cannot find an unpacked server, feeds to `mariadbd --bootstrap`.
SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)


class MariaDB(DatabaseServer):
    """A MariaDB server. Raises LocalStackError from start() when it cannot be got."""

    name: ClassVar[str] = "MariaDB"

    def get(self) -> None:
        """Get the server's packages and unpack them into the cache."""
        self._root = kept("mariadb", "Getting MariaDB from Debian's packages ...", _get)

    @property
    def _program(self) -> list[str]:
        root = self._root
        return [
            *through_own_loader(root, "usr/sbin/mariadbd"),
            "--no-defaults",
            account(),
            f"--basedir={root / 'usr'}",
            f"--lc-messages-dir={root / 'usr' / 'share' / 'mysql'}",
            f"--plugin-dir={root / 'usr' / 'lib' / 'mysql' / 'plugin'}",
            # A server that starts deletes temporary tables that it finds, also those of one that is just being made.
            f"--tmpdir={self._temporary}",
        ]

    @property
    def _temporary(self) -> Path:
        return self.folder / "temporary"

    def _prepare(self) -> None:
        self._data.mkdir()
        self._temporary.mkdir()
        scripts = self._root / "usr" / "share" / "mysql"
        statements = "".join((scripts / name).read_text() for name in SYSTEM_TABLES)
        bootstrap = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = 'root';\n" + statements
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*self._program, f"--datadir={self._data}", "--bootstrap"],
                input=bootstrap.encode(),
                stdout=log,
                stderr=log,
                timeout=self.start_seconds,
                check=False,
            )
        if done.returncode != 0:
            raise LocalStackError(f"{self.name}: making its data folder failed{self._last_words()}")


def _get(folder: Path) -> None:
    apt.unpack("mariadb-server-core", folder)
