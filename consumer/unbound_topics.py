"""Warn about topics that are not bound to platforms: there, one platform can change or erase another's comments."""

from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)

ADVICE = "bind it in LIUYAN_TOPICS, for example comments=forum|desk"
# Platforms to remember and to name. Anybody who may write to the topic can invent more.
MOST_REMEMBERED = 1_000
MOST_NAMED = 5


def unbound_topics(topics: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the topics that every platform may publish to."""
    return [topic for topic, platforms in topics.items() if not platforms]


class UnboundTopics:
    """The platforms that this process has seen on topics that are not bound to platforms."""

    def __init__(self, topics: Mapping[str, frozenset[str]]) -> None:
        self._seen: dict[str, set[str]] = {topic: set() for topic in unbound_topics(topics)}

    @property
    def names(self) -> list[str]:
        """The topics that are not bound."""
        return list(self._seen)

    def note(self, topic: str, platform: str) -> None:
        """Remember the platform of a valid record. The worker thread calls this."""
        seen = self._seen.get(topic)
        if seen is None or platform in seen or len(seen) >= MOST_REMEMBERED:
            return
        seen.add(platform)
        if len(seen) == 2:
            log.warning("several platforms publish to an unbound topic", topic=topic, advice=ADVICE)

    def warnings(self) -> list[str]:
        """Return a sentence for each topic with more than one platform."""
        return [self._warning(topic, sorted(seen)) for topic, seen in self._seen.items() if len(seen) > 1]

    def _warning(self, topic: str, platforms: list[str]) -> str:
        more = f" and {len(platforms) - MOST_NAMED} more" if len(platforms) > MOST_NAMED else ""
        return (
            f"Warning: topic {topic} is not bound and gets events of {', '.join(platforms[:MOST_NAMED])}{more}, which "
            f"can change and erase each other's comments; {ADVICE}."
        )
