"""Install system packages for tests and benchmarks: Java, Maven, Node.js and a browser. Not part of the wheel."""

import os
import shutil
from pathlib import Path

from local_stack.downloads import run
from local_stack.errors import LocalStackError
from local_stack.kafka import OLDEST_JAVA, java_version


def install_java() -> None:
    """Install Java and Maven if they are missing, which needs root. Raises LocalStackError."""
    if java_version() < OLDEST_JAVA or shutil.which("mvn") is None:
        install("default-jre-headless", "maven")


def install_java_compiler() -> None:
    """Install Java's compiler and Maven if they are missing, which needs root. Raises LocalStackError."""
    if shutil.which("javac") is None or shutil.which("mvn") is None:
        install("default-jdk-headless", "maven")


def install_node() -> None:
    """Install Node.js and npm if they are missing, which needs root. Raises LocalStackError."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        install("nodejs", "npm")


def install(*packages: str) -> None:
    """Install system packages, which needs root. Raises LocalStackError with the command to run otherwise."""
    instruction = f"Install {' and '.join(packages)} (on Debian: `apt-get install {' '.join(packages)}`)."
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LocalStackError(instruction)
    # Java's package links its manual pages into this folder, which slim images lack.
    Path("/usr/share/man/man1").mkdir(parents=True, exist_ok=True)
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    command = [*apt, "install", "--no-install-recommends", *packages]
    try:
        run(command, instruction)
    except LocalStackError:
        # The package lists are missing or outdated.
        run([*apt, "update"], instruction)
        run(command, instruction)
