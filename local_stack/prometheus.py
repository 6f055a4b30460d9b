"""Prometheus and promtool from the packages of the system's Debian release, for tests and previews."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import ClassVar

from local_stack import apt
from local_stack.downloads import cached_folder
from local_stack.server import Server

PROGRAMS = ("prometheus", "promtool")
# Two weeks more than the comparison with the last four weeks needs.
RETENTION = "40d"


def promtool() -> str:
    """Return the path of promtool; download it unless it is cached. Raises LocalStackError."""
    return str(_programs() / "promtool")


class Prometheus(Server):
    """A Prometheus that reads ``configuration``, a file whose relative paths start in its folder.

    start() raises LocalStackError if it cannot be downloaded.
    """

    name: ClassVar[str] = "Prometheus"

    def __init__(self, configuration: Path) -> None:
        super().__init__()
        self._configuration = configuration

    @property
    def url(self) -> str:
        """The address of its page and its HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The folder of its blocks, which `promtool tsdb create-blocks-from` fills before the first start."""
        return self.folder / "data"

    def download(self) -> None:
        """Download the programs into the cache."""
        self._folder = _programs()

    def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)

    def _command(self) -> list[str]:
        return [
            str(self._folder / "prometheus"),
            f"--config.file={self._configuration}",
            f"--storage.tsdb.path={self.data}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--storage.tsdb.wal-compression",
        ]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:  # noqa: S310
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _programs() -> Path:
    return cached_folder("prometheus-programs", "Downloading Prometheus from Debian's packages ...", _download)


def _download(folder: Path) -> None:
    """Keep the two programs only: they need nothing else of their packages."""
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    apt.unpack("prometheus", unpacked)
    for name in PROGRAMS:
        shutil.move(unpacked / "usr" / "bin" / name, folder / name)
    shutil.rmtree(unpacked)
