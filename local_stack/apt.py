"""Debian's packages, unpacked into a private folder without a change to the system."""

import platform
import re
import shutil
from pathlib import Path

from local_stack.downloads import run
from local_stack.errors import LocalStackError

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")
INSTEAD = "start the server yourself and set LIUYAN_TEST_KAFKA or LIUYAN_TEST_DATABASE_URL."


def unpack(package: str, folder: Path, *, suite: str | None = None) -> None:
    """Download ``package`` with all that it needs and unpack it into ``folder``.

    ``suite`` is one of Debian's (for example "unstable"); None takes the one that this system is. apt works on sources,
    lists, caches and a status of its own, so the system's packages neither count nor change. Raises LocalStackError.
    """
    state = folder / "apt"
    options = _private_state(state, suite or _codename())
    failure = f"Debian's package {package} could not be got: check the network and apt's sources, or {INSTEAD}"
    run(["apt-get", "-qq", *options, "update"], failure)
    run(
        ["apt-get", "-qq", "-y", *options, "install", "--download-only", "--no-install-recommends", package],
        failure,
    )
    for archive in sorted((state / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(folder)], f"{archive.name} could not be unpacked.")
    shutil.rmtree(state)


def _private_state(state: Path, suite: str) -> list[str]:
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    status = state / "status"
    status.touch()
    sources = state / "sources.list"
    signed = next((f"[signed-by={path}] " for path in KEYRINGS if Path(path).exists()), "")
    sources.write_text(f"deb {signed}{_mirror()} {suite} main\n")
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": status,
        "Dir::State::extended_states": state / "extended_states",
        "Dir::Cache": state / "cache",
        "Dir::Cache::archives": state / "cache" / "archives",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # A mirror that stood still for some weeks will do for such a server; signatures are checked as ever.
        "Acquire::Check-Valid-Until": "false",
        # The folder may lie where apt's own user may not look.
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
    }
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """The address of the Debian mirror that the system uses, also where no package lists were downloaded yet."""
    listing = run(["apt-get", "update", "--print-uris"], f"This system has no apt: {INSTEAD}")
    for suite in (_codename(), "stable", "testing", "unstable"):
        found = re.search(rf"'(\S+)/dists/{suite}/main/binary-", listing)
        if found:
            return found[1]
    raise LocalStackError(f"apt's sources name no Debian mirror: mend them, or {INSTEAD}")


def _codename() -> str:
    """The system's release, for example "bookworm"; "unstable" where it has no name."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "unstable")
    except OSError:
        return "unstable"
