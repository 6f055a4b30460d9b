"""Installs what tests and benchmarks need on this machine: Java, Maven and a browser. Only the checkout contains it."""

import os
import shutil
from pathlib import Path

from local_stack.downloads import run
from local_stack.errors import LocalStackError
from local_stack.kafka import OLDEST_JAVA, java_version


def install_java() -> None:
    """Install Java and Maven where they are missing, which needs root. Raises LocalStackError."""
    if java_version() < OLDEST_JAVA or shutil.which("mvn") is None:
        install("default-jre-headless", "maven")


def install(*packages: str) -> None:
    """Install packages into the system, which needs root. Raises LocalStackError that says what to type instead."""
    by_hand = f"Install {' and '.join(packages)} (on Debian: `apt-get install {' '.join(packages)}`)."
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LocalStackError(by_hand)
    # Java's package links its manual pages into this folder, which slim images lack.
    Path("/usr/share/man/man1").mkdir(parents=True, exist_ok=True)
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    order = [*apt, "install", "--no-install-recommends", *packages]
    try:
        run(order, by_hand)
    except LocalStackError:
        # The package lists are missing, or older than what the mirror holds.
        run([*apt, "update"], by_hand)
        run(order, by_hand)
