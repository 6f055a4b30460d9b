"""Texts for the contract's dead letter reasons; pages show an unknown reason as stored."""

from api.i18n import lazy_gettext

# In the order of the contract. Consumers of another version may store other reasons.
REASON_WORDS: dict[str, str] = {
    "not_utf8": lazy_gettext("The value is not UTF-8"),
    "not_json": lazy_gettext("The value is not JSON"),
    "unknown_framing": lazy_gettext("The value is framed as Avro or Protobuf, not as JSON"),
    "not_an_object": lazy_gettext("The value is not a JSON object"),
    "duplicate_keys": lazy_gettext("An object has a duplicate field"),
    "nan": lazy_gettext("A number is NaN or infinite, which JSON does not allow"),
    "too_deep": lazy_gettext("The value is nested too deeply"),
    "lone_surrogate": lazy_gettext("A text contains half a character (a lone surrogate)"),
    "invalid_field": lazy_gettext("A field is missing or invalid"),
    "edited_before_created": lazy_gettext("The time of the edit is before the time of creation"),
    "from_the_future": lazy_gettext("The time is more than a day in the future"),
    "missing_key": lazy_gettext("The record has no key"),
    "invalid_key": lazy_gettext("The key is not platform:id"),
    "key_contradicts_value": lazy_gettext("Key and value name different comments"),
    "platform_not_allowed": lazy_gettext("The platform may not publish to this topic"),
    "too_large": lazy_gettext("The record is too large"),
    "refused_by_database": lazy_gettext("The database rejected the record"),
}


# What the record itself cannot change: a setting, the database or the clock decides about these.
CURABLE = frozenset({"platform_not_allowed", "refused_by_database", "from_the_future", "too_large"})


def can_republish(reason: str) -> bool:
    """Return whether the same record may be stored when it is published again; unknown reasons may."""
    return reason in CURABLE or reason not in REASON_WORDS


def reason_words(reason: str) -> str:
    """Return the reason's text in the language of the request."""
    return str(REASON_WORDS.get(reason, reason))
