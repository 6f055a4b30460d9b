"""MariaDB from the packages of the system's Debian release."""

import subprocess
from pathlib import Path
from typing import ClassVar

from local_stack import apt
from local_stack.database import DatabaseServer, unpacked_command, user_option
from local_stack.downloads import cached_folder

# The scripts that mariadb-install-db runs with `mariadbd --bootstrap`; it cannot be used with an unpacked server.
SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)


class MariaDB(DatabaseServer):
    """A MariaDB server. start() raises LocalStackError if it cannot be downloaded."""

    name: ClassVar[str] = "MariaDB"

    def download(self) -> None:
        """Download the server's packages and unpack them into the cache."""
        self._root = cached_folder("mariadb", "Downloading MariaDB from Debian's packages ...", _download)

    @property
    def _program(self) -> list[str]:
        root = self._root
        return [
            *unpacked_command(root, "usr/sbin/mariadbd"),
            "--no-defaults",
            user_option(),
            f"--basedir={root / 'usr'}",
            f"--lc-messages-dir={root / 'usr' / 'share' / 'mysql'}",
            f"--plugin-dir={root / 'usr' / 'lib' / 'mysql' / 'plugin'}",
            # A starting server deletes temporary tables in its folder, including those of other servers.
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
            raise self._failed("failed while creating the data folder")


def _download(folder: Path) -> None:
    apt.unpack("mariadb-server-core", folder)
