"""Describe Pydantic errors in plain English, for settings and events. The REST API has translated descriptions."""

from collections.abc import Mapping
from typing import Any

VALUE_ERROR = "Value error, "
NOT_UNICODE = "must be text in UTF-8"
# By error type; placeholders are filled from the error's context.
SENTENCES = {
    "missing": "is missing",
    "string_type": "must be a string",
    "string_unicode": NOT_UNICODE,
    "string_sub_type": "must be a string",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "bool_parsing": "must be true or false",
    "path_type": "must be a path",
    "model_type": "must be an object",
}


def sentence_of(error: Mapping[str, Any]) -> str:
    """Describe an error, to follow the field's name, without a full stop. Never quotes the input.

    Other error types get Pydantic's own message.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "too_short":  # For Pydantic a secret is a collection; describe it as a string.
        kind, context = "string_too_short", {"min_length": context["min_length"]}
    if kind == "too_long":
        kind, context = "string_too_long", {"max_length": context["max_length"]}
    if kind == "string_too_short" and context["min_length"] == 1:
        return "must not be empty"
    template = SENTENCES.get(kind)
    values = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    return template.format(**values) if template else str(error["msg"]).removeprefix(VALUE_ERROR)
