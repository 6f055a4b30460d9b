"""What the publisher of a rejected event can do, by reason."""

from api.i18n import gettext, lazy_gettext

ADVICE: dict[str, str] = {
    "not_utf8": lazy_gettext("Encode the value as UTF-8 and publish the event again."),
    "not_json": lazy_gettext("Serialize the value with a JSON library and publish the event again."),
    "unknown_framing": lazy_gettext("Use the JSON Schema serializer, or none: Avro and Protobuf are not accepted."),
    "not_an_object": lazy_gettext("Send one JSON object per record, with the fields of the contract."),
    "duplicate_keys": lazy_gettext("Send each field once."),
    "nan": lazy_gettext("Leave out numbers that are NaN or infinite."),
    "too_deep": lazy_gettext("Send a flat object; the contract has no nested fields."),
    "lone_surrogate": lazy_gettext("Cut texts between characters, not within an emoji, and publish the event again."),
    "invalid_field": lazy_gettext("Correct the field named in the details and publish the event again."),
    "edited_before_created": lazy_gettext("Check which time is which: edited_at is never before created_at."),
    "from_the_future": lazy_gettext("Check the clock and the UTC offset of created_at and edited_at."),
    "missing_key": lazy_gettext("Give the record the key platform:id, such as forum:post-1817."),
    "invalid_key": lazy_gettext("Give the record the key platform:id as a plain string, such as forum:post-1817."),
    "key_contradicts_value": lazy_gettext("Build the key from the platform and the id of the same event."),
    "platform_not_allowed": lazy_gettext(
        "Publish to your platform's own topic, or ask the administrators to allow it."
    ),
    "too_large": lazy_gettext("Shorten the event: a text has at most 10,000 characters."),
    "refused_by_database": lazy_gettext("You need not change anything: ask the administrators to publish it again."),
}


def advice_on(reason: str) -> str:
    """Return advice in the language of the request; unknown reasons get general advice."""
    return str(ADVICE.get(reason, gettext("Compare the event with the contract, or ask the administrators.")))
