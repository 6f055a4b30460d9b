"""The command line clients of MySQL and MariaDB, with the dump programs, from Debian's packages."""

from collections.abc import Sequence
from pathlib import Path

from local_stack import apt
from local_stack.database import unpacked_command
from local_stack.downloads import cached_folder

PROGRAMS = {"mysql": ("mysqldump", "mysql"), "mariadb": ("mariadb-dump", "mariadb")}


def download_clients(kind: str) -> Path:
    """Download the clients of ``kind``, a key of PROGRAMS, and return their folder. Raises LocalStackError."""
    # MariaDB keeps its dump program outside the core package.
    package = {"mysql": "mysql-client-core", "mariadb": "mariadb-client"}[kind]
    suite = "unstable" if kind == "mysql" else None
    return cached_folder(
        f"{kind}-client",
        f"Downloading the clients of {kind} from Debian's packages ...",
        lambda folder: apt.unpack(package, folder, suite=suite),
    )


def install_clients(kind: str, folder: Path) -> None:
    """Write scripts that start the clients, under their usual names, into ``folder``. Raises LocalStackError."""
    root = download_clients(kind)
    # MariaDB's programs load the authentication of MySQL as a plugin, by default from a system folder.
    plugins = next(root.glob("usr/lib/*/libmariadb3/plugin"), root)
    for name in PROGRAMS[kind]:
        script = folder / name
        command = _quoted(unpacked_command(root, f"usr/bin/{name}"))
        script.write_text(f"#!/bin/sh\nexport MARIADB_PLUGIN_DIR='{plugins}'\nexec {command} \"$@\"\n")
        script.chmod(0o755)


def _quoted(command: Sequence[str]) -> str:
    return " ".join(f"'{part}'" for part in command)
