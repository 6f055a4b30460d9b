"""The comment filter's form, shared by the review page and the comment list."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from babel.dates import format_datetime
from starlette.requests import Request

from api.admin.label_words import LABEL_WORDS
from api.admin.page import services_of
from api.admin.typed_filter import TypedFilter
from api.i18n import get_locale, get_tzinfo, gettext, lazy_gettext, show_number
from api.rest.comment_schemas import CommentFields
from store.analytics import FIRST_MONDAY, CountFilter, PlatformMix, mix_by_platform, total_of
from store.comments import Models
from store.models import read_models
from store.search import Audited

FIELD_WORDS: dict[str, str] = {
    "text": lazy_gettext("Text contains"),
    "platform": lazy_gettext("Platform"),
    "label": lazy_gettext("Label"),
    "uncertain": lazy_gettext("Model's certainty"),
    "reviewed": lazy_gettext("Review"),
    "probability_from": lazy_gettext("Probability of positive from"),
    "probability_to": lazy_gettext("to"),
    "created_from": lazy_gettext("Written from"),
    "created_to": lazy_gettext("To (exclusive)"),
    "author": lazy_gettext("Author"),
    "thread": lazy_gettext("Thread"),
    "model": lazy_gettext("Model"),
    "undecided": lazy_gettext("Uncertain without a review"),
    "utc_hour_of_week": lazy_gettext("Hour of the week"),
    "corrected": lazy_gettext("Review differs from the model"),
    "audited": lazy_gettext("Model in the random audit"),
}
AUDITED_WORDS = {
    Audited.ANY: lazy_gettext("Judged"),
    Audited.RIGHT: lazy_gettext("Right"),
    Audited.WRONG: lazy_gettext("Mistakes"),
}
CHOICES: dict[str, dict[str, str]] = {
    "label": {str(label): words for label, words in LABEL_WORDS.items()},
    "uncertain": {"true": lazy_gettext("Uncertain"), "false": lazy_gettext("Certain")},
    "reviewed": {"true": lazy_gettext("Reviewed"), "false": lazy_gettext("Not reviewed")},
}


async def filter_form(request: Request, typed: TypedFilter[CommentFields]) -> dict[str, object]:
    """Return the template context of the filter's form. Counts are those of the active model's labels."""
    async with services_of(request).store.reading() as connection:
        platforms = await mix_by_platform(connection, CountFilter())
        known = await read_models(connection)
    return {
        "values": typed.values,
        "problems": typed.problems,
        "summary": typed.summary(FIELD_WORDS, _format),
        "field_words": FIELD_WORDS,
        "choices": {
            **_counted(platforms),
            "platform": platform_choices(platforms, typed.values),
            "model": _models(known),
        },
        "label_words": LABEL_WORDS,
    }


def _format(name: str, value: str) -> str:
    if name == "model":
        return value[:8]
    if name.startswith("created"):
        return value.replace("T", " ")
    if name == "audited":
        return str(AUDITED_WORDS.get(Audited(value), value)) if value in list(Audited) else value
    if name in ("undecided", "corrected"):
        return gettext("yes") if value == "true" else gettext("no")
    if name == "utc_hour_of_week":
        return local_hour_of_week(value)
    return str(CHOICES.get(name, {}).get(value, value))


def local_hour_of_week(value: str) -> str:
    """Return an hour of the week in UTC in the time zone of the request, such as "Mon 16:00"."""
    if not re.fullmatch("[0-9]{1,3}", value):
        return value
    # The zone's present offset, as in the chart.
    offset = datetime.now(get_tzinfo()).utcoffset() or timedelta()
    local = FIRST_MONDAY + timedelta(hours=int(value)) + timedelta(hours=offset // timedelta(hours=1))
    return format_datetime(local, "EEE HH:mm", locale=get_locale())


def platform_choices(counted: Sequence[PlatformMix], values: Mapping[str, str]) -> dict[str, str]:
    """Return the platforms with their counts, largest first, and the chosen one even if it has no comments."""
    found = {one.platform: f"{one.platform} ({show_number(one.mix.comments)})" for one in counted}
    chosen = values.get("platform")
    return found if chosen is None or chosen in found else {chosen: chosen, **found}


def _counted(platforms: Sequence[PlatformMix]) -> dict[str, dict[str, str]]:
    """Return CHOICES with the number of comments of each choice."""
    total = total_of(platforms)
    counts = {
        "label": {"positive": total.positive, "negative": total.negative, "unclear": total.unclear, "spam": total.spam},
        "uncertain": {"true": total.uncertain, "false": total.comments - total.uncertain},
        "reviewed": {"true": total.reviewed, "false": total.comments - total.reviewed},
    }
    return {
        name: {value: f"{words} ({show_number(counts[name][value])})" for value, words in choices.items()}
        for name, choices in CHOICES.items()
    }


def _models(known: Models) -> dict[str, str]:
    """Return the names of all models by SHA-256, newest first."""
    return {model.sha256: f"{model.name} ({model.sha256[:8]})" for model in reversed(list(known.values()))}
