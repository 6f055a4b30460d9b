"""Generate docs/configuration.md from the settings: ``python -m liuyan.settings_document > docs/configuration.md``."""

import sys
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from liuyan.secret_files import SUFFIX
from liuyan.settings import Settings, secret_settings
from liuyan.settings_example import format_default
from liuyan.settings_file import PREFIX

HEADER = f"""\
# Configuration

<!-- Generated from the settings by `make configuration-doc`. -->

Set these as environment variables, or in a file `.env` in the folder where `liuyan` runs; the environment takes
precedence. `.env.example` is such a file with all defaults. A misspelt name is an error.

A *secret* can be in a file instead: add `{SUFFIX}` to its name, as in `LIUYAN_SECRET_KEY{SUFFIX}`, and set that to its
path.

| Setting | Default | Meaning |
| --- | --- | --- |
"""


def configuration_document() -> str:
    """Return docs/configuration.md: a table with one row per setting, in the order of the code."""
    return HEADER + "".join(f"| {' | '.join(_row(name, field))} |\n" for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> Iterator[str]:
    setting = PREFIX + name.upper()
    yield f"`{setting}`"
    default = "" if field.default is None else format_default(field.default)
    yield f"`{_cell(default)}`" if default else ""
    yield ("*Secret.* " if setting in secret_settings() else "") + _cell(field.description or "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(configuration_document())
