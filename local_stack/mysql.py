"""MySQL from the packages of Debian's unstable suite, the only suite that has it."""

from pathlib import Path
from typing import ClassVar

from local_stack import apt
from local_stack.database import DatabaseServer, unpacked_command, user_option
from local_stack.downloads import cached_folder


class MySQL(DatabaseServer):
    """A MySQL server. start() raises LocalStackError if it cannot be downloaded."""

    name: ClassVar[str] = "MySQL"

    def download(self) -> None:
        """Download the server's packages and unpack them into the cache."""
        self._root = cached_folder("mysql", "Downloading MySQL from Debian's packages (66 MB) ...", _download)

    @property
    def _program(self) -> list[str]:
        root = self._root
        share = root / "usr" / "share" / "mysql"
        return [
            *unpacked_command(root, "usr/sbin/mysqld"),
            "--no-defaults",
            user_option(),
            f"--basedir={root / 'usr'}",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share / 'charsets'}",
            f"--plugin-dir={root / 'usr' / 'lib' / 'mysql' / 'plugin'}",
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
        ]

    def _prepare(self) -> None:
        command = [*self._program, f"--datadir={self._data}", "--initialize-insecure"]
        self._run_to_end(command, "creating the data folder")


def _download(folder: Path) -> None:
    apt.unpack("mysql-server-core", folder, suite="unstable")
