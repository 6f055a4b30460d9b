"""Translate Pydantic's validation errors, which are in English, into the language of the request.

``liuyan.sentences`` has the wording for settings and events, which is English only. The two are separate because the
translation catalogs are checked against the literal strings in calls of ``gettext``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from api.i18n import gettext
from liuyan.sentences import VALUE_ERROR

WITHOUT_NUL = r"^[^\x00]*$"
# For names, which are shown on one line of pages, logs and terminals.
WITHOUT_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]*$"


def sentence_of(error: Mapping[str, Any]) -> str:
    """Return a Pydantic error as a sentence without its full stop.

    The sentence never contains the input, which may be a comment or not even valid Unicode. Messages of the project's
    validators are msgids. Unknown kinds of errors keep Pydantic's message.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("model_attributes_type", "dict_type") and isinstance(error["input"], bytes):
        return gettext("Send JSON, with the header Content-Type: application/json")
    if kind == "string_pattern_mismatch" and context["pattern"] == WITHOUT_NUL:
        return gettext("String should not contain NUL")
    if kind == "string_pattern_mismatch" and context["pattern"] == WITHOUT_CONTROL:
        return gettext("String should not contain control characters")
    if kind == "json_invalid":
        return gettext("not JSON at character %(number)s") % {"number": error["loc"][-1]}
    known = _known(kind)
    if known is not None:
        return known % {name: _spell(value) for name, value in context.items()}
    return gettext(str(error["msg"]).removeprefix(VALUE_ERROR))


def _spell(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return value


def _known(kind: str) -> str | None:
    """Return the translated message for a kind of error. Its placeholders are keys of the error's context."""
    texts = {
        "string_type": gettext("Input should be a valid string"),
        "string_too_short": gettext("String should have %(min_length)s characters or more"),
        "string_too_long": gettext("String should have at most %(max_length)s characters"),
        "string_pattern_mismatch": gettext("String should match pattern '%(pattern)s'"),
    }
    numbers = {
        "int_parsing": gettext("Input should be a valid integer"),
        "int_type": gettext("Input should be a valid integer"),
        "int_from_float": gettext("Input should be a valid integer"),
        "float_parsing": gettext("Input should be a valid number"),
        "float_type": gettext("Input should be a valid number"),
        "finite_number": gettext("Input should be a finite number"),
        "greater_than_equal": gettext("Input should be greater than or equal to %(ge)s"),
        "less_than_equal": gettext("Input should be less than or equal to %(le)s"),
        "greater_than": gettext("Input should be greater than %(gt)s"),
        "less_than": gettext("Input should be less than %(lt)s"),
    }
    others = {
        "missing": gettext("Field required"),
        "extra_forbidden": gettext("Extra inputs are not permitted"),
        "model_attributes_type": gettext("Input should be a JSON object, in braces"),
        "dict_type": gettext("Input should be a JSON object, in braces"),
        "bool_parsing": gettext("Input should be true or false"),
        "bool_type": gettext("Input should be true or false"),
        "enum": gettext("Input should be %(expected)s"),
        "literal_error": gettext("Input should be %(expected)s"),
        "list_type": gettext("Input should be a valid list"),
        "too_short": gettext("List should have %(min_length)s items or more, not %(actual_length)s"),
        "too_long": gettext("List should have at most %(max_length)s items, not %(actual_length)s"),
        "datetime_type": gettext("Input should be a valid time"),
        "datetime_parsing": gettext("Input should be a valid time"),
    }
    return (texts | numbers | others).get(kind)
