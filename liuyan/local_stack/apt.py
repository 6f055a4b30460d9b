"""Debian's packages: unpacked into a private folder, without a change to the system, or installed where allowed."""

import os
import shutil
from pathlib import Path

from liuyan.local_stack.downloads import run
from liuyan.local_stack.errors import LocalStackError

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")
INSTEAD = "start the server yourself and set LIUYAN_TEST_KAFKA or LIUYAN_TEST_DATABASE_URL."


def unpack(package: str, folder: Path, *, suite: str | None = None) -> None:
    """Download ``package`` with all that it needs and unpack it into ``folder``.

    ``suite`` is one of Debian's (for example "unstable"); None takes what the system's own sources offer. apt works on
    lists, caches and a status of its own, so the system's packages neither count nor change. Raises LocalStackError.
    """
    state = folder / "apt"
    options = _private_state(state, suite)
    failure = f"Debian's package {package} could not be got: check the network and apt's sources, or {INSTEAD}"
    run(["apt-get", "-qq", *options, "update"], failure)
    run(
        ["apt-get", "-qq", "-y", *options, "install", "--download-only", "--no-install-recommends", package],
        failure,
    )
    for archive in sorted((state / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(folder)], f"{archive.name} could not be unpacked.")
    shutil.rmtree(state)


def _private_state(state: Path, suite: str | None) -> list[str]:
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    status = state / "status"
    status.touch()
    options = {
        "Dir::State::lists": state / "lists",
        "Dir::State::status": status,
        "Dir::State::extended_states": state / "extended_states",
        "Dir::Cache": state / "cache",
        "Dir::Cache::archives": state / "cache" / "archives",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # The folder may lie where apt's own user may not look.
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
    }
    if suite is not None:
        sources = state / "sources.list"
        signed = next((f"[signed-by={path}] " for path in KEYRINGS if Path(path).exists()), "")
        sources.write_text(f"deb {signed}{_mirror()} {suite} main\n")
        options |= {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null"}
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """The address of the Debian mirror that the system uses, also where no package lists were downloaded yet."""
    listing = run(["apt-get", "update", "--print-uris"], f"This system has no apt: {INSTEAD}")
    for line in listing.splitlines():
        address = line.split()[0].strip("'")
        mirror, found, _ = address.partition("/dists/")
        if found and not mirror.rstrip("/").endswith("security"):
            return mirror
    raise LocalStackError(f"apt's sources name no Debian mirror: mend them, or {INSTEAD}")


def install(*packages: str) -> None:
    """Install packages into the system, which needs root. Raises LocalStackError that says what to type instead."""
    by_hand = f"Install {' and '.join(packages)} (on Debian: `apt-get install {' '.join(packages)}`)."
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LocalStackError(by_hand)
    # Java's package links its manual pages into this folder, which slim images lack.
    Path("/usr/share/man/man1").mkdir(parents=True, exist_ok=True)
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    run([*command, "update"], by_hand)
    run([*command, "install", "--no-install-recommends", *packages], by_hand)
