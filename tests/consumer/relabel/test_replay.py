"""A replay adds the predictions that are missing, whatever happens meanwhile, and nothing else."""

import asyncio
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from consumer.relabel.replay import Replay, replay
from store.comments import ShownLabel
from store.errors import ReviewError
from store.relabel_runs import Range
from store.reviews import Opinion, add_review
from store.store import Store
from tests.consumer.relabel.conftest import WANG, Relabelled
from tests.consumer.test_log_moved import remove_records
from tests.faults.load import Load, Publisher
from tests.harness import ERASURE_KEY, START, Process, Record, comment, real_comments, tombstone

LIVE_A_SECOND = 200
DEAD_LETTERS = "SELECT number, consumer_group, topic, `partition`, `offset`, state FROM dead_letters ORDER BY number"
READ = "SELECT COALESCE(SUM(records), 0) FROM relabel_runs"
REVIEWS = "SELECT number, comment_number, text, label, reviewer FROM reviews ORDER BY number"
REVIEWED = "SELECT comment_number, label FROM reviews WHERE reviewer = 'wang' ORDER BY number"


async def publish(installation: Relabelled, seed: int, events: int, seconds: float) -> Publisher:
    """Publish comments, edits, late versions, redeliveries, tombstones, poison and transactions."""
    archive = f"{installation.topic}-archive"
    plan = list(Load(seed, events, installation.topic, archive).plan())
    publisher = Publisher(installation.kafka, installation.topic, plan, seconds)
    await publisher.run()
    return publisher


@dataclass
class Reviewer:
    """Reviews random comments. Edits and erasures may be faster; then nothing is reviewed.

    ``added`` maps the number of each reviewed comment to its newest label.
    """

    installation: Relabelled
    added: dict[int, str] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        chance = random.Random(5)
        async with Store.open(self.installation.database_url) as store:
            await store.check_ready(ERASURE_KEY.encode())
            while not self.stop.is_set():
                rows = self.installation.query(
                    "SELECT number, platform, id, version FROM comments ORDER BY RAND() LIMIT 20"
                )
                for number, platform, id, version in rows:
                    label = chance.choice([ShownLabel.POSITIVE, ShownLabel.NEGATIVE, ShownLabel.SPAM])
                    try:
                        await add_review(store, WANG, Opinion(platform, id, version, label))
                        self.added[number] = label.value
                    except ReviewError:
                        continue
                await asyncio.sleep(0.1)


async def watch_lag(installation: Relabelled, lags: list[int]) -> None:
    while True:
        lags.append(sum(one.lag or 0 for one in await installation.status()))
        await asyncio.sleep(1)


async def ended(process: Process, seconds: float) -> None:
    assert await asyncio.to_thread(process.wait, seconds) == 0, process.output()


async def wait_for(installation: Relabelled, process: Process, labelled: int, seconds: float) -> None:
    await asyncio.to_thread(
        installation.wait_for, lambda: installation.labelled() >= labelled, seconds=seconds, process=process
    )


async def replay_under_load(installation: Relabelled, events: int, rate: int, live_seconds: int) -> None:
    """Replay ``events`` with two processes, one of them killed half-way, while comments and reviews arrive.

    A shadow that was started before completes the coverage. Live records edit and erase comments of the replay.
    """
    archive = f"{installation.topic}-archive"
    installation.settings["LIUYAN_TOPICS"] = f"{installation.topic}=forum|desk,{archive}"
    await Relabelled(installation.kafka, archive, "", installation.folder).create_topic(2)
    await publish(installation, 1, events, events / 5_000)
    lags: list[int] = []
    reviewer = Reviewer(installation)
    with installation.consumer() as consumer:
        await caught_up(installation, consumer)
        half = installation.comments() // 2
        with installation.shadow() as shadow:
            started = lambda: "shadowing" in shadow.output()  # noqa: E731
            await asyncio.to_thread(installation.wait_for, started, seconds=90, process=shadow)
            arriving = asyncio.create_task(publish(installation, 2, LIVE_A_SECOND * live_seconds, live_seconds))
            reviewing = asyncio.create_task(reviewer.run())
            watching = asyncio.create_task(watch_lag(installation, lags))
            options = ("--rate", str(rate), "--yield-to-lag", "60")
            with installation.replay(*options) as first, installation.replay(*options) as second:
                await wait_for(installation, first, half, 120 + events / rate)
                assert second.popen.poll() is None, second.output()
                second.kill()
                with installation.replay(*options) as third:
                    await ended(first, 120 + 2 * events / rate)
                    await ended(third, 60)
            await arriving
            await caught_up(installation, consumer)
            reviewer.stop.set()
            await reviewing
            watching.cancel()
            await asyncio.to_thread(
                installation.wait_for, lambda: installation.labelled() == installation.comments(), seconds=60
            )
            shadow.send(signal.SIGTERM)
            await ended(shadow, 20)
    await assert_complete(installation, reviewer.added, max(lags))


async def caught_up(installation: Relabelled, consumer: Process) -> None:
    deadline = time.monotonic() + 600
    while any(one.lag != 0 for one in await installation.status()):
        consumer.check()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.5)


async def assert_complete(installation: Relabelled, reviews: dict[int, str], lag: int) -> None:
    assert installation.differences() == []
    assert installation.labelled() == installation.comments()
    assert await installation.count_differences() == []
    stored = installation.query(REVIEWS)
    # An erasure deletes the reviews of its comment; nothing else does.
    left = {row[0] for row in installation.query("SELECT number FROM comments")}
    assert len(reviews) > 100
    assert dict(installation.query(REVIEWED)) == {number: label for number, label in reviews.items() if number in left}
    # In records, because some records have old timestamps.
    assert lag < 30 * LIVE_A_SECOND
    letters = installation.query(DEAD_LETTERS)
    assert {row[1] for row in letters} == {installation.group}
    assert len({row[2:5] for row in letters}) == len(letters) > 0
    predictions = "SELECT * FROM predictions ORDER BY comment_number, model_number"
    before = (installation.query(predictions), stored, letters, installation.stored())
    assert " 0 predictions added" in installation.replayed()
    assert (installation.query(predictions), installation.query(REVIEWS), installation.query(DEAD_LETTERS)) == before[
        :3
    ]
    assert installation.stored() == before[3]


async def wait_for_output(installation: Relabelled, process: Process, text: str, seconds: float = 240) -> None:
    await asyncio.to_thread(installation.wait_for, lambda: text in process.output(), seconds=seconds, process=process)


@pytest.mark.timeout(900)
@pytest.mark.minutes
async def test_replay_under_load(installation: Relabelled) -> None:
    await replay_under_load(installation, 20_000, 2_000, live_seconds=15)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_replay_of_200000_under_load(installation: Relabelled) -> None:
    await replay_under_load(installation, 200_000, 2_000, live_seconds=120)


async def test_a_stopped_replay_continues_and_keeps_its_rate(installation: Relabelled) -> None:
    """Two processes together keep to the rate; SIGINT stops one with a sentence."""
    # Enough for the first process until the second one has started, however slowly.
    count, rate = 9_000, 200
    await installation.publish(real_comments(count))
    installation.consume(count)
    with ExitStack() as processes:
        first = processes.enter_context(installation.replay("--rate", str(rate)))
        await wait_for_output(installation, first, "replaying")
        # Only now: a process that creates the replay without a rate does not limit it.
        second = processes.enter_context(installation.replay())
        await wait_for_output(installation, second, "replaying")
        await asyncio.to_thread(installation.wait_for, lambda: installation.number(READ) > 0, seconds=60)
        await asyncio.sleep(5)
        begun, before = time.monotonic(), installation.number(READ)
        await asyncio.sleep(10)
        speed = (installation.number(READ) - before) / (time.monotonic() - begun)
        assert 0.9 * rate <= speed <= 1.1 * rate
        for process in (first, second):
            process.send(signal.SIGINT)
            assert await asyncio.to_thread(process.wait, 20) == 1
            assert process.output().strip().endswith("Run the same command to continue it.")
    assert 0 < installation.labelled() < count
    assert "replay in progress" in first.output()
    assert "remaining=" in first.output()
    installation.replayed("--rate", "0")
    assert installation.differences() == []
    assert installation.number("SELECT COUNT(*) FROM relabel_runs") == 1
    assert installation.number("SELECT added FROM relabel_runs") == count


async def test_replay_waits_while_consumers_lag(installation: Relabelled) -> None:
    """Partitions that are paused do not count."""
    await installation.publish(real_comments(400))
    installation.consume(400)
    await installation.publish(Record(one.key, one.value, 0) for one in real_comments(20))
    await asyncio.sleep(2)
    with installation.replay("--yield-to-lag", "2", "--rate", "50") as process:
        await wait_for_output(installation, process, "waiting_for_lag_seconds=")
        assert installation.labelled() < 400
        paused = installation.run("consumer", "pause", installation.topic, "0")
        assert paused.returncode == 0, paused.stderr
        await ended(process, 240)
    assert installation.labelled() == 400


async def test_records_that_retention_removed_are_read_from_the_store(installation: Relabelled) -> None:
    records = [Record(one.key, one.value, 0) for one in real_comments(300)]
    await installation.publish(records)
    installation.consume(300)
    remove_records(installation, 120)
    with installation.replay("--no-store") as process:
        await ended(process, 240)
        assert "removed 120 older records of the topics. --no-store leaves them out." in process.output()
    assert installation.labelled() == 180
    with installation.replay() as process:
        await ended(process, 240)
        assert "removed 120 older records of the topics. The pass over stored comments covers" in process.output()
    assert installation.differences() == []


async def test_times_and_platforms_limit_a_replay(installation: Relabelled) -> None:
    """Timestamps of records limit the log pass, times of creation the pass over stored comments."""
    day = 24 * 3600 * 1000
    base = int(START.timestamp() * 1000)
    records = [
        Record(one.key, one.value, timestamp=base + number // 100 * day)
        for number, one in enumerate(real_comments(400))
    ]
    await installation.publish(records)
    installation.consume(400)
    settings = installation.loaded_settings()
    since, until = START + timedelta(days=1), START + timedelta(days=3)

    async def run(covered: Range) -> int:
        await replay(settings, Replay(str(installation.model), covered, None, 10**9))
        return installation.labelled()

    topics = (installation.topic,)
    assert await run(Range(True, False, since, until, topics, ("desk",))) == 100
    assert await run(Range(True, False, since, until, topics)) == 200
    assert await run(Range(False, True, START + timedelta(minutes=17.5), None)) == 250
    assert await run(Range(topics=topics)) == 400
    assert installation.differences() == []


async def test_replay_races_with_edits_and_erasures(installation: Relabelled) -> None:
    """No prediction for an outdated text remains, and no row of an erased comment."""
    count = 3_000
    texts = [f"第{number}条，很好" for number in range(count)]
    await installation.publish(comment(number, text) for number, text in enumerate(texts))
    with installation.consumer() as consumer:
        await caught_up(installation, consumer)
        with installation.replay("--rate", "600", "--yield-to-lag", "600") as process:
            await wait_for_output(installation, process, "replaying")
            for first in range(0, count, 300):
                changed = [
                    tombstone(number) if number % 3 == 0 else comment(number, f"第{number}条，太差", edited=number + 1)
                    for number in range(first, first + 300)
                    if number % 3 < 2
                ]
                await installation.publish(changed)
                await asyncio.sleep(0.5)
            await ended(process, 240)
        await caught_up(installation, consumer)
    assert installation.comments() == count * 2 // 3
    outdated = [row for row in installation.differences() if row[3] is not None]
    assert outdated == []
    assert await installation.count_differences() == []
    installation.replayed()
    assert installation.differences() == []
