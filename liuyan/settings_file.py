"""Read the names in a settings file, and reject unknown names and values that are not Unicode."""

import codecs
import difflib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

from liuyan.errors import SettingsError
from liuyan.sentences import NOT_UNICODE

PREFIX = "LIUYAN_"
TEST_PREFIX = "LIUYAN_TEST_"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Settings of earlier versions, with the sentence that names the successor.
REMOVED = {
    "LIUYAN_BATCH_AGE_MILLISECONDS": "Set LIUYAN_LATENCY_MILLISECONDS instead: the target for the time from publishing "
    "a comment to storing it.",
    "LIUYAN_BATCH_PADDED_TOKENS": "Set LIUYAN_BATCH_TOKENS instead: the tokens of all texts of a batch. Texts are no "
    "longer padded.",
}


def check_encoding(environment: Mapping[str, str]) -> None:
    """Raise SettingsError for values that are not UTF-8, which Python represents as surrogates."""
    for name, value in environment.items():
        if name.startswith(PREFIX) and any("\ud800" <= character <= "\udfff" for character in value):
            raise SettingsError(f"Invalid {name}: {NOT_UNICODE}.")


def read_values(file: Path) -> Mapping[str, str | None]:
    """Return what a settings file sets; empty if it does not exist. Raises SettingsError.

    A folder of this name is a virtual environment and is ignored.
    """
    if not file.is_file():
        return {}
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"Cannot read {file}: {error.strerror}.") from None
    return dotenv_values(stream=io.StringIO(_decode(content, file)))


def _decode(content: bytes, file: Path) -> str:
    for encoding, marks in (("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)), ("UTF-16", UTF_16_MARKS)):
        if content.startswith(marks):
            raise SettingsError(f"{file} is encoded in {encoding}. Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}, line {_line_number(content, error.start)} is not UTF-8. Save the file as UTF-8."
        ) from None
    if "\0" in text:
        raise SettingsError(
            f"{file}, line {_line_number(content, content.index(0))} contains a NUL character. Save the file as UTF-8."
        )
    return text


def _line_number(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def check_names(names: Iterable[str], known: Sequence[str]) -> None:
    """Raise SettingsError for an unknown or removed name: it would be ignored silently."""
    for name in names:
        if name in REMOVED:
            raise SettingsError(f"{name} no longer exists. {REMOVED[name]}")
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else ".env.example lists all settings."
            raise SettingsError(f"Unknown setting {name}. {hint}")
