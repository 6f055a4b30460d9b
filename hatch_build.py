"""Compile the GRU and the n-gram lookup (model/native) into the wheel, or into the checkout for an editable install.

Without a C compiler the build succeeds and NumPy computes both, several times slower. `model/kernel.py` chooses.
"""

import os
import shlex
import shutil
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = Path("model", "native", "gru.so")
# Compiling takes seconds; an older unfinished library is left over.
LEFT_OVER_SECONDS = 600
# A product and a sum may be joined, which is faster and more exact; otherwise the arithmetic is as written.
FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-ffp-contract=fast", "-shared", "-fPIC")


class CompiledGru(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's hook. See https://hatch.pypa.io/latest/plugins/build-hook/custom/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the build. A wheel with compiled code is for this platform only, for any Python 3."""
        if self.target_name != "wheel" or not self._compile(Path(self.root) / LIBRARY):
            return
        build_data["artifacts"].append(str(LIBRARY))
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")

    def _compile(self, library: Path) -> bool:
        """Return whether the library was compiled. If not, one of an earlier build is removed.

        Programs that run from the checkout may load the library at any time, so it is replaced at once.
        """
        compiler = shlex.split(os.environ.get("CC") or "cc")
        if shutil.which(compiler[0]) is None:
            library.unlink(missing_ok=True)
            self.app.display_warning("There is no C compiler: labelling will be slow. On Debian install gcc libc6-dev.")
            return False
        remove_left_over(library)
        new = library.with_suffix(f".{os.getpid()}")
        source = library.with_suffix(".c")
        try:
            done = subprocess.run(
                [*compiler, *FLAGS, "-o", str(new), str(source)], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                new.replace(library)
                return True
        finally:
            new.unlink(missing_ok=True)
        library.unlink(missing_ok=True)
        self.app.display_warning(f"The GRU cannot be compiled: labelling will be slow. {done.stderr.strip()}")
        return False


def remove_left_over(library: Path) -> None:
    """Remove what builds that were killed have left."""
    for file in library.parent.glob(f"{library.stem}.[0-9]*"):
        if file.stat().st_mtime < time.time() - LEFT_OVER_SECONDS:
            file.unlink(missing_ok=True)
