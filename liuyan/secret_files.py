"""Read secret settings from files: ``LIUYAN_SECRET_KEY_FILE`` names the file that contains ``LIUYAN_SECRET_KEY``.

Container platforms mount secrets as files, which, unlike environment variables, no child process inherits.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from liuyan.errors import SettingsError

SUFFIX = "_FILE"
# Far more than any secret has; a wrong path to a large file fails at once.
MAXIMUM_BYTES = 65_536


def read_secret_files(secrets: Iterable[str], values: Mapping[str, str | None]) -> dict[str, str]:
    """Return the contents of the files that ``values`` (names and values of settings) names, by secret.

    ``secrets`` are the names of the settings that may be in a file. An empty value counts as unset. A line end at the
    end of the file is not part of the secret. Raises SettingsError if a secret has both a value and a file, or if its
    file cannot be read, is empty or has several lines.
    """
    contents = {}
    for name in secrets:
        file = values.get(name + SUFFIX)
        if not file:
            continue
        if values.get(name):
            raise SettingsError(f"{name} and {name}{SUFFIX} are both set. Remove one of them.")
        contents[name] = _read(name + SUFFIX, Path(file))
    return contents


def _read(name: str, path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "its home folder is unknown"
        raise SettingsError(
            f"Cannot read {path}, which {name} names: {reason}. Check the path and its permissions."
        ) from None
    if len(content) > MAXIMUM_BYTES:
        raise SettingsError(f"{path}, which {name} names, has more than {MAXIMUM_BYTES} bytes. Check the path.")
    try:
        secret = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}, which {name} names, is not UTF-8. Save the file as UTF-8.") from None
    if not secret.strip():
        raise SettingsError(f"{path}, which {name} names, is empty. Write the secret into it.")
    if not secret.isprintable():
        raise SettingsError(
            f"{path}, which {name} names, has several lines or control characters. It must contain only the secret."
        )
    return secret
