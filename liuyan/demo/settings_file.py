"""Write the settings of the running demo to a file, so that commands in other terminals reach it."""

import contextlib
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

# The settings contain the database's password and the demo's secrets.
OWNER_ONLY = 0o600


class SettingsFile:
    """A shell file at ``path``, readable only by its owner, that exports variables.

    ``str()`` names it, or says why it could not be written: the demo works without it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._shown = path.name
        self._failure: str | None = None
        self._written: str | None = None

    def write(self, variables: Mapping[str, str]) -> None:
        """Write the variables, and replace a file that another demo has left or is using."""
        lines = [
            f"# Settings of the running demo, with secrets. Load them with `. ./{self._path.name}`.",
            *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        ]
        content = "".join(f"{line}\n" for line in lines)
        new = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY), "w") as file:
                file.write(content)
            new.replace(self._path)
        except OSError as error:
            self._failure = error.strerror
            with contextlib.suppress(OSError):
                new.unlink()
        else:
            self._written = content

    def remove(self) -> None:
        """Remove the file, unless another demo has replaced it."""
        with contextlib.suppress(OSError):
            if self._written is not None and self._path.read_text() == self._written:
                self._path.unlink()

    def __str__(self) -> str:
        return f"{self._shown} (not written: {self._failure})" if self._failure else self._shown
