"""The comment filter's form, shared by the review page and the comment list."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request

from api.admin.label_words import LABEL_WORDS
from api.admin.page import services_of
from api.admin.typed_filter import TypedFilter
from api.i18n import lazy_gettext, show_number
from api.rest.comment_schemas import CommentFields
from store.analytics import CountFilter, PlatformMix, mix_by_platform, total_of
from store.comments import Models
from store.models import read_models

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
    return str(CHOICES.get(name, {}).get(value, value))


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
