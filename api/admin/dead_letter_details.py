"""Translate the details of dead letters, which consumers store in English, into the language of the request."""

import re

from api.i18n import get_locale, gettext

# The sentences of the contract (consumer/event.py and liuyan/sentences.py), as msgids. Details that match none, such as
# those of another version, are shown as stored.
SENTENCES = (
    "field %(field)s: is missing",
    "field %(field)s: must be a string",
    "field %(field)s: must not be empty",
    "field %(field)s: must have at most %(most)s characters",
    "field %(field)s: must match the pattern %(pattern)s",
    "field %(field)s: must not contain NUL",
    "field %(field)s: must be an RFC 3339 time with offset, such as %(example)s",
    "field %(field)s: %(advice)s",
    "edited_at is before created_at",
    "platform %(platform)s may not publish to this topic",
    "platform %(platform)s is the admin app's and needs a topic bound to it",
    "the record has %(size)s bytes; the maximum is %(most)s",
    "the record has no key; it must be `platform:id`",
    "the record's key is not the value's `platform:id`",
    "the record's key is not the value's `platform:id`: it has a schema registry frame; serialize keys as plain "
    "strings",
    "the comment's time is more than a day ahead of the record's timestamp",
    "the tombstone has no key; it must be `platform:id`",
    "the tombstone's key is not UTF-8",
    "the tombstone's key is not `platform:id`",
    "the value has a schema registry frame (schema id %(schema)s) but no JSON after it; use the JSON Schema "
    "serializer, because Avro and Protobuf are not accepted",
    "the value is not UTF-8 at byte %(byte)s",
    "the value is not JSON: it starts with a byte order mark",
    "the value is nested deeper than %(levels)s levels",
    "the value is not JSON: %(message)s at character %(character)s",
    "the value is JSON but not an object",
    "an object has the key %(key)s more than once",
    "%(number)s is not JSON",
    "the value contains half of a surrogate pair",
)


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", sentence)
    return re.compile("".join(f"(?P<{one}>.+?)" if index % 2 else re.escape(one) for index, one in enumerate(parts)))


_PATTERNS = tuple((sentence, _pattern(sentence)) for sentence in SENTENCES)


def detail_words(detail: str) -> str:
    """Return the detail in the language of the request, or unchanged if its sentence is unknown."""
    if get_locale() == "en":
        return detail
    for sentence, pattern in _PATTERNS:
        if found := pattern.fullmatch(detail):
            return gettext(sentence) % found.groupdict()
    return detail
