"""Find the platform that published a rejected record: its accounts may see why the record was rejected."""

from collections.abc import Set

from liuyan.topics import PLATFORM
from store.named_comment import named_platform


def publisher_of(key: bytes | None, value: bytes | None, platforms: Set[str]) -> str | None:
    """Return the platform, or None if it is not certain.

    ``platforms`` may publish to the record's topic; if empty, all may. Kafka's ACLs keep others from a topic of one
    platform, so its records are that platform's, whatever they contain. Elsewhere key and value must name the same one.
    """
    if len(platforms) == 1:
        return next(iter(platforms))
    named = {_of_key(key), None if value is None else named_platform(value)} - {None}
    if len(named) != 1:
        return None
    platform = named.pop()
    if platform is None or not PLATFORM.fullmatch(platform):
        return None
    return platform if not platforms or platform in platforms else None


def _of_key(key: bytes | None) -> str | None:
    platform, colon, _ = (key or b"").decode("utf-8", "replace").partition(":")
    return platform if colon else None
