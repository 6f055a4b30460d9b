"""Parse the setting for topics and the platforms that may publish to them."""

import re

ANY_PLATFORM: frozenset[str] = frozenset()
# Platform names that the contract allows, and topic names that Kafka allows.
PLATFORM = re.compile(r"[a-z0-9_-]{1,32}")
TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def parse_topics(text: str) -> dict[str, frozenset[str]]:
    """Parse ``comments, support = zendesk | desk`` into platforms by topic; an empty set means all platforms.

    White space around names is ignored. Raises ValueError for empty parts, duplicates and invalid names.
    """
    if not text.strip(" ,"):
        raise ValueError("specify at least one topic")
    topics: dict[str, frozenset[str]] = {}
    for part in text.split(","):
        topic, has_platforms, platforms = part.partition("=")
        name = topic.strip()
        if not name:
            raise ValueError(f"{text!r} has an empty part; use `topic` or `topic=platform|platform`, comma-separated")
        if not TOPIC.fullmatch(name) or name in (".", ".."):
            raise ValueError(f"topic {name!r} is invalid; use up to 249 of the characters A-Z, a-z, 0-9, ., _ and -")
        if name in topics:
            raise ValueError(f"topic {name!r} is listed twice")
        topics[name] = _parse_platforms(name, platforms) if has_platforms else ANY_PLATFORM
    return topics


def _parse_platforms(topic: str, text: str) -> frozenset[str]:
    names = [name.strip() for name in text.split("|")]
    for name in names:
        if not name:
            raise ValueError(f"topic {topic!r} has an empty platform; use `{topic}=platform|platform`")
        if not PLATFORM.fullmatch(name):
            raise ValueError(f"platform {name!r} is invalid; use up to 32 of the characters a-z, 0-9, _ and -")
    if len(set(names)) < len(names):
        raise ValueError(f"topic {topic!r} lists a platform twice")
    return frozenset(names)
