"""The comment filter's form, shared by the review page and the comment list."""

from starlette.requests import Request

from api.admin.label_words import LABEL_WORDS
from api.admin.page import services_of
from api.admin.typed_filter import TypedFilter
from api.i18n import lazy_gettext
from api.rest.comment_schemas import CommentFields
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
    """Return the template context of the filter's form."""
    return {
        "values": typed.values,
        "problems": typed.problems,
        "summary": typed.summary(FIELD_WORDS, _format),
        "field_words": FIELD_WORDS,
        "choices": {**CHOICES, "model": await _models(request)},
        "label_words": LABEL_WORDS,
    }


def _format(name: str, value: str) -> str:
    if name == "model":
        return value[:8]
    if name.startswith("created"):
        return value.replace("T", " ")
    return str(CHOICES.get(name, {}).get(value, value))


async def _models(request: Request) -> dict[str, str]:
    """Return the names of all models by SHA-256, newest first."""
    async with services_of(request).store.reading() as connection:
        known = await read_models(connection)
    return {model.sha256: f"{model.name} ({model.sha256[:8]})" for model in reversed(known.values())}
