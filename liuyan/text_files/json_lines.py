"""Parse JSON Lines: one object per line, without duplicate keys, NaN or lone surrogates."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from liuyan.text_files.errors import TextFileError


@dataclass(frozen=True, slots=True)
class JsonRow:
    """An object; ``line`` counts the file's lines from 1, including blank ones."""

    line: int
    fields: dict[str, Any]


def json_rows(lines: Iterable[str]) -> Iterator[JsonRow]:
    """Yield the objects of all lines that are not blank. Raises TextFileError."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield JsonRow(number, _parse(line, number))


class _DuplicateKeyError(ValueError):
    """An object has a duplicate key."""


def _parse(line: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_object, parse_constant=_refuse)
    except _DuplicateKeyError as error:
        raise TextFileError("Line %(line)s has the key %(name)s twice: keep one.", line=number, name=error) from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise TextFileError("Line %(line)s is not a JSON object: write one object per line.", line=number)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise TextFileError(
            "Line %(line)s has a lone surrogate (half of a character, such as \\ud83d): write the whole character.",
            line=number,
        ) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise _DuplicateKeyError(ascii(name))
        fields[name] = value
    return fields


def _refuse(constant: str) -> None:
    raise ValueError(constant)
