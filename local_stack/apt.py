"""Unpack Debian packages into a private folder without changing the system."""

import platform
import re
import shutil
from pathlib import Path

from local_stack.downloads import run
from local_stack.errors import LocalStackError

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")
ALTERNATIVE = "start the server yourself and set LIUYAN_TEST_KAFKA or LIUYAN_TEST_DATABASE_URL."


def unpack(package: str, folder: Path, *, suite: str | None = None) -> None:
    """Download ``package`` and its dependencies and unpack them into ``folder``.

    ``suite`` is a Debian suite such as "unstable"; None means the system's. apt uses separate sources, lists, caches
    and status, so that it ignores and does not change the system's packages. Raises LocalStackError.
    """
    state = folder / "apt"
    options = _private_state(state, suite or _codename())
    failure = f"Cannot download Debian's package {package}. Check the network and apt's sources, or {ALTERNATIVE}"
    run(["apt-get", "-qq", *options, "update"], failure)
    run(
        ["apt-get", "-qq", "-y", *options, "install", "--download-only", "--no-install-recommends", package],
        failure,
    )
    for archive in sorted((state / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(folder)], f"Cannot unpack {archive.name}.")
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
        # Accept package lists that are some weeks old. Signatures are still checked.
        "Acquire::Check-Valid-Until": "false",
        # apt's unprivileged user may not have access to the folder.
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
    }
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """Return the URL of the system's Debian mirror; works without downloaded package lists."""
    listing = run(["apt-get", "update", "--print-uris"], f"This system has no apt. Instead, {ALTERNATIVE}")
    for suite in (_codename(), "stable", "testing", "unstable"):
        match = re.search(rf"'(\S+)/dists/{suite}/main/binary-", listing)
        if match:
            return match[1]
    raise LocalStackError(f"apt's sources contain no Debian mirror. Correct them, or {ALTERNATIVE}")


def _codename() -> str:
    """Return the system's release, for example "bookworm"; "unstable" if it has none."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "unstable")
    except OSError:
        return "unstable"
