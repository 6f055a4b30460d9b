"""MySQL from the packages of Debian's unstable suite, the only suite that has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from local_stack import apt
from local_stack.database import DatabaseServer, unpacked_command, user_option
from local_stack.disk import SmallDisk
from local_stack.downloads import cached_folder
from local_stack.process import Process


class MySQL(DatabaseServer):
    """A MySQL server. With ``disk_megabytes`` its data is on a file system of that size, ``disk``.

    start() raises LocalStackError if the server cannot be downloaded or the file system cannot be mounted.
    """

    name: ClassVar[str] = "MySQL"

    def __init__(self, options: Sequence[str] = (), *, disk_megabytes: int | None = None) -> None:
        super().__init__(options)
        self.disk = None if disk_megabytes is None else SmallDisk(self.folder / "disk", disk_megabytes)

    def close(self) -> None:
        """Kill the server and remove its data."""
        self.kill()
        if self.disk is not None:
            self.disk.close()
        super().close()

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

    @property
    def _data(self) -> Path:
        return super()._data if self.disk is None else self.disk.folder / self.data_name

    def _run(self, command: list[str]) -> Process:
        return super()._run(command if self.disk is None else self.disk.inside(command))

    def _prepare(self) -> None:
        if self.disk is not None:
            self.disk.start()
        # A power failure would lose an empty data folder.
        command = [*self._program, f"--datadir={self._data}", "--innodb-flush-method=nosync", "--initialize-insecure"]
        self._run_to_end(command, "creating the data folder")


def _download(folder: Path) -> None:
    apt.unpack("mysql-server-core", folder, suite="unstable")
