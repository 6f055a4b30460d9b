"""Test the figures behind the API's metrics: queues, the last hour, and sessions."""

from datetime import UTC, datetime, timedelta

from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.figures import (
    audit_queue,
    count_sessions,
    disputed_queue,
    last_hour_comments,
    missing_queue,
    uncertain_queue,
)
from store.models import register_model
from store.promotion import retire_model
from store.relabel_figures import ReplayFigures, replay_figures, shadow_lags
from store.relabel_parts import LogPart
from store.relabel_runs import FINISHED, Range, RelabelRun, cancel_run, finish_run, start_run
from store.reviews import Opinion, add_review
from store.store import Store
from tests.api.people import add_person
from tests.store.feed import START, Feed, arrival, microseconds, minutes, send_sampled, tombstone

LI, WANG = (Actor(number, f"审{number}", "session", None) for number in (7, 8))
HOUR = START.replace(minute=0)


async def review(feed: Feed, actor: Actor, id: str, label: ShownLabel, created: float = 0) -> None:
    await add_review(feed.store, actor, Opinion("forum", id, microseconds(minutes(created)), label))


async def test_an_empty_database(store: Store) -> None:
    now = datetime.now(UTC)
    for queue in (uncertain_queue, audit_queue, disputed_queue, missing_queue):
        found = await store.read(queue)
        assert (found.comments, found.waiting_since) == (0, None)
    assert await store.read(last_hour_comments, now) == {}
    assert await store.read(replay_figures) == {}
    assert await store.read(shadow_lags, "liuyan") == {}
    assert await store.read(count_sessions, now, timedelta(hours=1)) == {}


async def test_uncertain_comments_wait_since_their_hour(feed: Feed) -> None:
    await feed.send(
        arrival("1", created=60, uncertain=True, probability=0.5),
        arrival("2", created=180, uncertain=True, probability=0.4, label=Label.NEGATIVE, platform="desk"),
        arrival("3", created=0),
    )
    found = await feed.store.read(uncertain_queue)
    assert (found.comments, found.waiting_since) == (2, HOUR + timedelta(hours=1))
    await review(feed, LI, "1", ShownLabel.NEGATIVE, created=60)
    found = await feed.store.read(uncertain_queue)
    assert (found.comments, found.waiting_since) == (1, HOUR + timedelta(hours=3))
    await feed.send(tombstone("2", at=300, platform="desk"))
    assert (await feed.store.read(uncertain_queue)).waiting_since is None


async def test_the_audit_waits_since_the_comments_were_stored(feed: Feed) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await send_sampled(feed, *(arrival(str(n), f"第 {n} 条") for n in range(5)))
    await feed.send(arrival("outside", "不在样本里"))
    found = await feed.store.read(audit_queue)
    assert found.comments == 5
    assert found.waiting_since is not None
    assert before <= found.waiting_since <= datetime.now(UTC)
    assert (await feed.store.read(audit_queue, most=3)).comments == 3


async def test_disputes_wait_since_the_review_that_disagrees(feed: Feed) -> None:
    await feed.send(*(arrival(str(n), f"第 {n} 条") for n in range(3)))
    before = datetime.now(UTC) - timedelta(seconds=1)
    for id in ("0", "1"):
        await review(feed, LI, id, ShownLabel.NEGATIVE)
    assert (await feed.store.read(disputed_queue)).comments == 0
    for id in ("0", "1"):
        await review(feed, WANG, id, ShownLabel.POSITIVE)
    found = await feed.store.read(disputed_queue)
    assert found.comments == 2
    assert found.waiting_since is not None
    assert found.waiting_since >= before
    # An edit ends the dispute.
    await feed.send(*(arrival(id, "改过了", edited=5) for id in ("0", "1")))
    assert (await feed.store.read(disputed_queue)).comments == 0


async def test_the_last_complete_hour_by_platform(feed: Feed) -> None:
    await feed.send(
        arrival("1", created=0),
        arrival("2", created=10, label=Label.NEGATIVE, probability=0.1),
        arrival("3", created=29, label=Label.NEGATIVE, probability=0.1),
        arrival("4", created=30),
        arrival("5", created=-60, platform="desk"),
    )
    found = await feed.store.read(last_hour_comments, HOUR + timedelta(hours=1, minutes=59))
    assert found == {"forum": (1, 2), "desk": (0, 0)}


async def test_expired_idle_and_disabled_sessions_do_not_count(store: Store) -> None:
    now = datetime.now(UTC)
    await add_person(store, "甲", now=now)
    await add_person(store, "乙", now=now)
    assert sum((await store.read(count_sessions, now, timedelta(hours=1))).values()) == 2
    assert await store.read(count_sessions, now + timedelta(hours=2), timedelta(hours=1)) == {}
    assert await store.read(count_sessions, now + timedelta(days=400), timedelta(days=500)) == {}


async def start_replay(store: Store, model: int, ends: int) -> RelabelRun:
    parts = [LogPart("comments", number, None, 0, ends) for number in range(2)]
    return await start_run(store, LI, "replay", model, Range(topics=("comments",)), parts, compared_with=None)


async def test_the_newest_replay_of_each_model_counts_until_the_model_is_retired(store: Store) -> None:
    first = await register_model(store, "a" * 64, "first", 0.3, 0.7)
    second = await register_model(store, "b" * 64, "second", 0.3, 0.7)
    cancelled = await start_replay(store, first.number, 10)
    other = await start_replay(store, second.number, 7)
    assert await store.read(replay_figures) == {
        "a" * 64: ReplayFigures(0, 20, 0),
        "b" * 64: ReplayFigures(0, 14, 0),
    }
    await store.write(cancel_run, LI, cancelled)
    assert (await store.read(replay_figures))["a" * 64] == ReplayFigures(0, 0, 0)
    await start_replay(store, first.number, 30)
    assert (await store.read(replay_figures))["a" * 64] == ReplayFigures(0, 60, 0)
    await store.write(finish_run, other.number, FINISHED)
    await store.write(retire_model, LI, second.number)
    assert (await store.read(replay_figures)).keys() == {"a" * 64}
