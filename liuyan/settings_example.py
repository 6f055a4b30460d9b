"""Generate ``.env.example`` from the settings: ``python -m liuyan.settings_example > .env.example``."""

import sys
import textwrap
from collections.abc import Mapping, Set
from pathlib import Path

from pydantic.fields import FieldInfo

from liuyan.settings import Settings
from liuyan.settings_file import PREFIX

WIDTH = 120
HEADER = """\
# Settings of Liuyan. Copy this file to `.env` in the folder where you run `liuyan`, or set environment variables, which
# take precedence. Lines that start with `# LIUYAN_` are settings without a default: fill them in and remove the `# `.
# A secret can be in a file instead: add _FILE to its name, as in LIUYAN_SECRET_KEY_FILE, and set that to the path.
"""


def settings_example() -> str:
    """Return the content of ``.env.example``: each setting with its description and its default or an example."""
    return "\n".join([HEADER, *(_paragraph(name, field) for name, field in Settings.model_fields.items())])


def _paragraph(name: str, field: FieldInfo) -> str:
    comment = textwrap.wrap(
        field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    variable = PREFIX + name.upper()
    if field.default is not None:
        return "\n".join([*comment, f"{variable}={format_default(field.default)}", ""])
    example = field.examples[0] if field.examples else ""
    return "\n".join([*comment, f"# {variable}={example}", ""])


def format_default(value: object) -> str:
    """Return a default in the form in which the setting is parsed."""
    if isinstance(value, Mapping):
        return ",".join(_format_topic(topic, platforms) for topic, platforms in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return value.as_posix() if isinstance(value, Path) else str(value)


def _format_topic(topic: str, platforms: Set[str]) -> str:
    return f"{topic}={'|'.join(sorted(platforms))}" if platforms else topic


if __name__ == "__main__":
    sys.stdout.write(settings_example())
