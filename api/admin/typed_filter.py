"""A filter as a form in the URL: what was typed, what it means, and what is wrong with it."""

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
    """``values`` is what the form shows, ``fields`` what it means; None where ``problems`` says what is wrong."""

    values: Mapping[str, str]
    fields: Fields | None
    problems: Mapping[str, str]

    def summary(self, words: Mapping[str, str], show: Callable[[str, str], str]) -> str:
        """The filter in one line, for a form that is folded up: the field's words, and how its value is shown."""
        return " · ".join(f"{words[name]} {show(name, value)}" for name, value in self.values.items())


def typed_filter(request: Request, kind: type[Fields], names: Iterable[str] | None = None) -> TypedFilter[Fields]:
    """The filter in the URL, of the fields ``names`` or all of ``kind``.

    Times are in the time zone of whoever asks, and empty fields filter nothing.
    """
    typed = {name: request.query_params.get(name, "") for name in (kind.model_fields if names is None else names)}
    values = {name: value for name, value in typed.items() if value.strip()}
    try:
        return TypedFilter(values, kind.model_validate(_meant(values)), {})
    except ValidationError as error:
        # A rule on two fields belongs to none of them: it is the end that is not behind the beginning.
        wrong = {str(one["loc"][0]) if one["loc"] else _end(values) for one in error.errors()}
        return TypedFilter(values, None, {name: _advice(name) for name in wrong})


def _meant(values: Mapping[str, str]) -> dict[str, object]:
    return {name: _local_time(value) if name in TIMES else _tidy(name, value) for name, value in values.items()}


def _tidy(name: str, value: str) -> str:
    """What people wrote is looked for as it is; around everything else a blank was typed by mistake."""
    return value if name in ("text", "author", "thread") else value.strip()


def _local_time(value: str) -> object:
    """A browser sends no zone with the time that was chosen. What is no time stays as it is, and is refused later."""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return in_utc(time)


def _end(values: Mapping[str, str]) -> str:
    return next((name for name in ("created_to", "reviewed_to") if name in values and _later(values, name)), SHARES[1])


def _later(values: Mapping[str, str], end: str) -> bool:
    """Whether the beginning that belongs to ``end`` is not before it."""
    return values.get(end.replace("_to", "_from"), "") >= values[end]


def _advice(name: str) -> str:
    """What to type instead."""
    if name in TIMES:
        return gettext("Choose a day and a time, the end later than the beginning.")
    if name in SHARES:
        return gettext("Write a number between 0 and 1, the upper one not below the lower one.")
    if name == "platform":
        return gettext("A platform's name has small letters, digits, _ and - only.")
    return gettext("Choose another value.")
