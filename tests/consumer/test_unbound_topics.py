"""Topics that are not bound to platforms are reported, and text detection cannot be impersonated on them."""

from dataclasses import replace
from pathlib import Path

import pytest

from consumer.event import LATEST_TIMESTAMP
from consumer.unbound_topics import MOST_REMEMBERED, UnboundTopics
from tests.harness import Installation, Record, comment, get, tombstone

TOPICS: dict[str, frozenset[str]] = {"comments": frozenset(), "desk": frozenset({"desk"})}


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_sqlite_url: str, tmp_path: Path) -> Installation:
    """A topic with one partition, so that records are stored in order, and a migrated SQLite database."""
    installation = Installation(kafka, topic, migrated_sqlite_url, tmp_path)
    # Kafka refuses timestamps in the future by default, but not with this setting.
    await installation.create_topic(partitions=1, **{"message.timestamp.after.max.ms": str(2**63 - 1)})
    return installation


def test_platforms_of_unbound_topics_are_named() -> None:
    seen = UnboundTopics(TOPICS)
    assert seen.names == ["comments"]
    for topic, platform in (("comments", "forum"), ("desk", "desk"), ("desk", "forum"), ("comments", "forum")):
        seen.note(topic, platform)
    assert seen.warnings() == []
    seen.note("comments", "desk")
    [warning] = seen.warnings()
    assert "topic comments is not bound and gets events of desk, forum, which" in warning
    for number in range(2 * MOST_REMEMBERED):
        seen.note("comments", f"p{number}")
    [warning] = seen.warnings()
    assert f"and {MOST_REMEMBERED - 5} more" in warning
    assert len(warning) < 300


@pytest.mark.parametrize("database", ["sqlite", "server"])
async def test_a_consumer_warns_and_dead_letters_what_nobody_may_publish(
    installation: Installation, database: str, migrated_url: str
) -> None:
    """The default topic stays usable: /readyz answers 200, and only the abuse is refused."""
    if database == "server":
        installation = replace(installation, database_url=migrated_url)
    future = LATEST_TIMESTAMP + 1
    records = [
        comment("1", "很好", platform="forum"),
        comment("1", "很好", platform="desk"),
        comment("1", "很好", platform="detect"),
        Record(b"forum:1", None, timestamp=2**63 - 1),
        Record(b"forum:1", None, timestamp=future),
    ]
    await installation.publish(records)
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == len(records), seconds=60, process=consumer)
        status, body = get(f"{consumer.health()}/readyz")
        assert status == 200
        assert "is not bound and gets events of desk, forum" in body
        logged = consumer.output()
    assert "every platform may publish to a topic" in logged
    assert logged.count("several platforms publish to an unbound topic") == 1
    assert installation.comments() == 2
    letters = installation.query("SELECT reason, record_timestamp FROM dead_letters ORDER BY `offset`")
    assert [reason for reason, _ in letters] == ["platform_not_allowed", "from_the_future", "from_the_future"]
    assert [at for _, at in letters][1:] == [2**63 - 1, future]
    shown = installation.run("consumer", "status")
    assert shown.stderr.splitlines()[-2:] == [
        f"Warning: every platform may publish to topic {installation.topic}; bind it in LIUYAN_TOPICS, for example "
        "comments=forum|desk.",
        "lag 0",
    ]
    bound = installation.run("consumer", "status", LIUYAN_TOPICS=f"{installation.topic}=forum|desk")
    assert "Warning" not in bound.stderr


async def test_the_latest_possible_tombstone_is_an_integer(installation: Installation) -> None:
    await installation.publish([tombstone("1", timestamp=LATEST_TIMESTAMP)])
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 1, seconds=60, process=consumer)
    [(kind, up_to)] = installation.query("SELECT typeof(erased_up_to), erased_up_to FROM erasures")
    assert (kind, up_to) == ("integer", LATEST_TIMESTAMP * 1000)
