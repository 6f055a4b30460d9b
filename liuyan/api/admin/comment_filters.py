"""The filter of comments as a form in the URL: what was typed, what it means, and what is wrong with it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from starlette.requests import Request
from starlette_admin.i18n import get_tzinfo, gettext

from liuyan.api.admin.page import services_of
from liuyan.api.rest.comment_schemas import CommentFields
from liuyan.api.services import QUERY_SECONDS
from liuyan.store.models import read_models

# The fields of the form, in its order: those of the REST API's filter.
FIELDS = tuple(CommentFields.model_fields)
TIMES = ("created_from", "created_to")
SHARES = ("probability_from", "probability_to")


@dataclass(frozen=True, slots=True)
class TypedFilter:
    """``values`` is what the form shows, ``fields`` what it means; None where ``problems`` says what is wrong."""

    values: Mapping[str, str]
    fields: CommentFields | None
    problems: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The values in one line, for a form that is folded up."""
        return " · ".join(self.values.values())


def typed_filter(request: Request) -> TypedFilter:
    """The filter in the URL; times are in the time zone of whoever asks, and empty fields filter nothing."""
    values = {name: request.query_params.get(name, "").strip(" ") for name in FIELDS}
    values = {name: value for name, value in values.items() if value}
    try:
        return TypedFilter(values, CommentFields.model_validate(_meant(values)), {})
    except ValidationError as error:
        problems = {str(one["loc"][0]) if one["loc"] else "created_to": one["type"] for one in error.errors()}
        return TypedFilter(values, None, {name: _advice(name, kind) for name, kind in problems.items()})


def _meant(values: Mapping[str, str]) -> dict[str, object]:
    return {name: _local_time(value) if name in TIMES else value for name, value in values.items()}


def _local_time(value: str) -> object:
    """A browser sends no zone with the time that was chosen. What is no time stays as it is, and is refused later."""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return time if time.tzinfo else time.replace(tzinfo=get_tzinfo())


def _advice(name: str, kind: str) -> str:
    """What to type instead."""
    if kind == "value_error" and name == "created_to":
        return gettext("The end must be later than the beginning.")
    if kind == "value_error" and name == "probability_to":
        return gettext("The upper probability must not be below the lower one.")
    return {
        **dict.fromkeys(TIMES, gettext("Choose a day and a time.")),
        **dict.fromkeys(SHARES, gettext("Write a number between 0 and 1.")),
        "platform": gettext("A platform's name has small letters, digits, _ and - only."),
    }.get(name, gettext("Choose another value."))


async def model_choices(request: Request) -> list[tuple[str, str]]:
    """The models that a filter may name: SHA-256 and name, the newest first."""
    async with asyncio.timeout(QUERY_SECONDS), services_of(request).store.reading() as connection:
        known = await read_models(connection)
    return [(model.sha256, f"{model.name} ({model.sha256[:8]})") for model in reversed(known.values())]
