"""Parse options of a training from the command line."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from pydantic import TypeAdapter, ValidationError

from liuyan.errors import UsageError
from liuyan.sentences import sentence_of
from model.training.options import Options


def change(options: Options, changes: Sequence[str]) -> Options:
    """Apply ``changes`` of the form NAME=VALUE to ``options``. Raises UsageError for invalid names and values."""
    names = [field.name for field in fields(Options)]
    values = asdict(options)
    for one in changes:
        name, separator, value = one.partition("=")
        if not separator or name not in names:
            raise UsageError(
                f"--set {one} is not an option of a training. Use NAME=VALUE with one of the names {', '.join(names)}."
            )
        values[name] = value
    try:
        return TypeAdapter(Options).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--set {first['loc'][0]}={first['input']}: the value {sentence_of(first)}.") from error
