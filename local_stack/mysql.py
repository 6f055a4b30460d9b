"""A genuine MySQL from the packages of Debian's unstable suite, the only one of Debian's that has it."""

from pathlib import Path
from typing import ClassVar

from local_stack import apt
from local_stack.database import DatabaseServer, account, through_own_loader
from local_stack.downloads import kept


class MySQL(DatabaseServer):
    """A MySQL server. Raises LocalStackError from start() when it cannot be got."""

    name: ClassVar[str] = "MySQL"

    def get(self) -> None:
        """Get the server's packages and unpack them into the cache."""
        self._root = kept("mysql", "Getting MySQL from Debian's packages (66 MB) ...", _get)

    @property
    def _program(self) -> list[str]:
        root = self._root
        share = root / "usr" / "share" / "mysql"
        return [
            *through_own_loader(root, "usr/sbin/mysqld"),
            "--no-defaults",
            account(),
            f"--basedir={root / 'usr'}",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share / 'charsets'}",
            f"--plugin-dir={root / 'usr' / 'lib' / 'mysql' / 'plugin'}",
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
        ]

    def _prepare(self) -> None:
        command = [*self._program, f"--datadir={self._data}", "--initialize-insecure"]
        self._run_to_end(command, "making its data folder")


def _get(folder: Path) -> None:
    apt.unpack("mysql-server-core", folder, suite="unstable")
