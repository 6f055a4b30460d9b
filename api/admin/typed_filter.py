"""Parse a filter form from the URL into a filter and error messages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.i18n import gettext, in_utc

Fields = TypeVar("Fields", bound=BaseModel)
TIMES = ("created_from", "created_to", "reviewed_from", "reviewed_to")
SHARES = ("probability_from", "probability_to")


@dataclass(frozen=True, slots=True)
class TypedFilter(Generic[Fields]):
    """``values`` are the form's values; ``fields`` is the parsed filter, None if ``problems`` has errors by field."""

    values: Mapping[str, str]
    fields: Fields | None
    problems: Mapping[str, str]

    def summary(self, words: Mapping[str, str], show: Callable[[str, str], str]) -> str:
        """Return the filter in one line for the collapsed form: each field's text and its formatted value."""
        return " · ".join(f"{words[name]} {show(name, value)}" for name, value in self.values.items())


def typed_filter(request: Request, kind: type[Fields], names: Iterable[str] | None = None) -> TypedFilter[Fields]:
    """Parse the fields ``names`` in the URL, by default all of ``kind``.

    Times are in the request's time zone. Empty fields do not filter.
    """
    typed = {name: request.query_params.get(name, "") for name in (kind.model_fields if names is None else names)}
    values = {name: value for name, value in typed.items() if value.strip()}
    try:
        return TypedFilter(values, kind.model_validate(_parse(values)), {})
    except ValidationError as error:
        # An error without a field is that of a range; show it at the range's end.
        invalid = {str(one["loc"][0]) if one["loc"] else _range_end(values) for one in error.errors()}
        return TypedFilter(values, None, {name: _advice(name) for name in invalid})


def _parse(values: Mapping[str, str]) -> dict[str, object]:
    return {name: _parse_time(value) if name in TIMES else _strip(name, value) for name, value in values.items()}


def _strip(name: str, value: str) -> str:
    """Remove surrounding spaces, except from free text, which is searched for as typed."""
    return value if name in ("text", "author", "thread") else value.strip()


def _parse_time(value: str) -> object:
    """Parse a time, which browsers send without a zone; return an invalid one unchanged for validation."""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return in_utc(time)


def _range_end(values: Mapping[str, str]) -> str:
    ends = ("created_to", "reviewed_to")
    return next((end for end in ends if end in values and _is_reversed(values, end)), SHARES[1])


def _is_reversed(values: Mapping[str, str], end: str) -> bool:
    """Return whether the start of the range that ends at ``end`` is not before it."""
    return values.get(end.replace("_to", "_from"), "") >= values[end]


def _advice(name: str) -> str:
    """Return the error message of a field."""
    if name in TIMES:
        return gettext("Choose dates and times; the end must be after the start.")
    if name in SHARES:
        return gettext("Enter numbers between 0 and 1; the upper one must not be below the lower one.")
    if name == "platform":
        return gettext("Platform names contain only lower-case letters, digits, _ and -.")
    return gettext("Choose another value.")
