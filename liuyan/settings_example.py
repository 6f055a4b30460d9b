"""Writes ``.env.example`` from the settings: ``python -m liuyan.settings_example > .env.example``."""

import sys
import textwrap
from collections.abc import Mapping, Set
from pathlib import Path

from pydantic.fields import FieldInfo

from liuyan.settings import PREFIX, Settings

WIDTH = 120
HEADER = """\
# Settings of Liuyan: copy this file to `.env` in the folder that you start from, or set them in the environment,
# which wins. A line that starts with `# LIUYAN_` is a setting without a default: fill it in and remove the `# `.
"""


def settings_example() -> str:
    """The content of ``.env.example``: each setting with its description and its default, or with an example."""
    return "\n".join([HEADER, *(_paragraph(name, field) for name, field in Settings.model_fields.items())])


def _paragraph(name: str, field: FieldInfo) -> str:
    comment = textwrap.wrap(
        field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    variable = PREFIX + name.upper()
    if field.default is not None:
        return "\n".join([*comment, f"{variable}={_written(field.default)}", ""])
    example = field.examples[0] if field.examples else ""
    return "\n".join([*comment, f"# {variable}={example}", ""])


def _written(value: object) -> str:
    """A default in the form in which the setting is read."""
    if isinstance(value, Mapping):
        return ",".join(_bound(topic, platforms) for topic, platforms in value.items())
    if isinstance(value, tuple):
        return ",".join(value)
    return value.as_posix() if isinstance(value, Path) else str(value)


def _bound(topic: str, platforms: Set[str]) -> str:
    return f"{topic}={'|'.join(sorted(platforms))}" if platforms else topic


if __name__ == "__main__":
    sys.stdout.write(settings_example())
