"""Create each peer's environment with uv from its pinned requirements, once, in Liuyan's cache folder."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack.downloads import cached_folder, run

REQUIREMENTS = Path(__file__).parent / "requirements"
_VERSIONS = (
    "import importlib.metadata, json, sys; print(json.dumps({n: importlib.metadata.version(n) for n in sys.argv[1:]}))"
)


def environment(name: str) -> Path:
    """Return the Python of the environment ``name``, which is created if needed. Raises LocalStackError."""
    pinned = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]
    message = f"Installing the environment of {name} ..."
    return cached_folder(f"peer-{name}-{digest}", message, lambda folder: _fill(folder, pinned)) / "bin" / "python"


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of ``packages`` in the environment of ``python``."""
    output = subprocess.run([python, "-c", _VERSIONS, *packages], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(output)
    return found


def _fill(folder: Path, pinned: Path) -> None:
    failure = f"Cannot install {pinned.name}. Check the network, or leave this peer out with --systems."
    uv = [sys.executable, "-m", "uv", "--quiet"]
    # Relocatable, because the finished folder is renamed.
    run([*uv, "venv", "--allow-existing", "--relocatable", "--python", sys.executable, str(folder)], failure)
    python = str(folder / "bin" / "python")
    run([*uv, "pip", "install", "--python", python, "--require-hashes", "-r", str(pinned)], failure)
