"""The faults and their schedule: each fault is a coroutine that breaks something, waits and repairs it."""

import asyncio
import contextlib
import itertools
import random
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

import pymysql
from aiokafka import AIOKafkaProducer

from tests.faults.fleet import Member
from tests.faults.load import METADATA_SECONDS, PARTITIONS
from tests.faults.stage import Fault, Stage, becomes_true, metrics_of, promote_other
from tests.harness import Installation, Record, comment

SESSION_TIMEOUT_SECONDS = 6
OTHERS_CONTINUE_SECONDS = 30
ASSIGNED_SECONDS = 30
TRAFFIC_SECONDS = 0.004
FIRST_INSERT = b"INSERT INTO comments"
ASSIGNED = re.compile(r"^liuyan_consumer_assigned_partitions (\d+)", re.MULTILINE)
# The metric of a consumer whose queues are full, the comments that fill them, and the log line of one that begins to
# load a model.
HELD = "liuyan_consumer_backpressure 1.0"
BURST = 12_000
LOADING = "loading it"


async def kill_consumer(stage: Stage) -> None:
    with stage.borrow() as member:
        await stage.fleet.leave(member, signal.SIGKILL)
        await stage.pause(0, 2)
        stage.fleet.restart(member)


async def terminate_consumer(stage: Stage) -> None:
    with stage.borrow() as member:
        began = time.monotonic()
        status = await stage.fleet.leave(member, signal.SIGTERM)
        if status != 0 or time.monotonic() - began > 20:
            stage.failures.append(f"SIGTERM: status {status} after {time.monotonic() - began:.1f} s")
        stage.fleet.restart(member)


async def zombie(stage: Stage) -> None:
    """Freeze a consumer until its session has expired, and wake it when others have its partitions."""
    with stage.borrow() as member:
        member.process.send(signal.SIGSTOP)
        await asyncio.sleep(SESSION_TIMEOUT_SECONDS + 5)
        member.process.send(signal.SIGCONT)


async def stop_in_transaction(stage: Stage) -> None:
    """Freeze the next writer while its transaction holds locks; the others must continue within 30 s."""
    stopped: asyncio.Future[Member] = asyncio.get_running_loop().create_future()

    def stop(member: Member) -> None:
        if not stopped.done():
            member.borrowed = True
            member.process.send(signal.SIGSTOP)
            stopped.set_result(member)

    members = [member for member in stage.fleet.members if member.supervised and not member.borrowed]
    for one in members:
        one.proxy.on_statement(FIRST_INSERT, partial(stop, one))
    async with traffic(stage):
        try:
            member = await asyncio.wait_for(stopped, 30)
        except TimeoutError:
            stage.failures.append("found no transaction to freeze")
            return
        finally:
            for one in members:
                one.proxy.on_statement(None)
        stored = stage.installation.stored()
        if not await becomes_true(lambda: stage.installation.stored() > stored, OTHERS_CONTINUE_SECONDS):
            stage.failures.append("the other consumers did not continue within 30 s of a freeze during a transaction")
    await asyncio.sleep(SESSION_TIMEOUT_SECONDS)
    member.process.send(signal.SIGCONT)
    member.borrowed = False


async def join_and_leave(stage: Stage) -> None:
    member = await stage.fleet.join()
    member.borrowed = True
    await stage.pause(6, 9)
    await stage.fleet.leave(member, signal.SIGTERM)
    await stage.pause(1, 2)


async def rebalance_during_batches(stage: Stage) -> None:
    """Rebalance while slow batches are in flight."""
    for member in stage.fleet.members:
        member.proxy.delay = 0.15
    await join_and_leave(stage)
    for member in stage.fleet.members:
        member.proxy.heal()


async def rebalance_while_database_is_away(stage: Stage) -> None:
    stage.mysql.kill()
    with stage.borrow() as killed:
        await stage.fleet.leave(killed, signal.SIGKILL)
        stage.fleet.restart(killed)
    await asyncio.sleep(stage.outage)
    await asyncio.to_thread(stage.mysql.start)


async def restart_broker(stage: Stage) -> None:
    await asyncio.to_thread(stage.broker().restart)


async def kill_broker(stage: Stage) -> None:
    broker = stage.broker()
    broker.kill()
    await stage.pause(0, 2)
    await asyncio.to_thread(broker.start)


async def restart_database(stage: Stage) -> None:
    await asyncio.to_thread(stage.mysql.restart)


async def kill_database(stage: Stage) -> None:
    stage.mysql.kill()
    await stage.pause(0, 2)
    await asyncio.to_thread(stage.mysql.start)


async def database_away(stage: Stage) -> None:
    """Freeze the database: consumers apply backpressure and need neither a rebalance nor a restart."""
    stage.mysql.pause()
    await asyncio.sleep(stage.outage)
    stage.mysql.resume()


async def cut_database(stage: Stage) -> None:
    for _ in range(5):
        stage.member().proxy.cut()
        await stage.pause(0.1, 0.6)


async def delay_database(stage: Stage) -> None:
    proxy = stage.member().proxy
    proxy.delay = 0.3
    await asyncio.sleep(5)
    proxy.heal()


async def half_open_database(stage: Stage) -> None:
    proxy = stage.member().proxy
    proxy.half_open()
    await asyncio.sleep(stage.outage)
    proxy.cut()
    proxy.heal()


async def lose_commits(stage: Stage) -> None:
    """Lose the answer to COMMIT: the batch must be stored exactly once."""
    for _ in range(5):
        proxy = stage.member().proxy
        lost = proxy.lost_commits
        proxy.lose_next_commit()
        for _ in range(50):
            if proxy.lost_commits > lost:
                break
            await asyncio.sleep(0.1)


async def cut_kafka(stage: Stage) -> None:
    for _ in range(3):
        for proxy in stage.kafka_proxies:
            proxy.cut()
        await stage.pause(0.2, 1)


async def delay_kafka(stage: Stage) -> None:
    for proxy in stage.kafka_proxies:
        proxy.delay = 0.3
    await asyncio.sleep(5)
    for proxy in stage.kafka_proxies:
        proxy.heal()


async def half_open_kafka(stage: Stage) -> None:
    for proxy in stage.kafka_proxies:
        proxy.half_open()
    await asyncio.sleep(SESSION_TIMEOUT_SECONDS + 4)
    for proxy in stage.kafka_proxies:
        proxy.cut()
        proxy.heal()


async def second_writer(stage: Stage) -> None:
    """Lock comments and counts in random order from another session, to cause lock waits and deadlocks."""
    before = _lock_faults(stage.installation)
    await asyncio.to_thread(_lock_rows, stage.installation, stage.rng.random(), 8.0)
    stage.seen.update(_lock_faults(stage.installation) - before)


async def add_partitions(stage: Stage) -> None:
    """Add partitions during the run; consumers must read them from their start."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewPartitions

    topic = stage.installation.topic

    def add() -> None:
        admin = AdminClient({"bootstrap.servers": stage.installation.kafka})
        admin.create_partitions([NewPartitions(topic, PARTITIONS + 2)])[topic].result(10)

    await asyncio.to_thread(add)
    await asyncio.sleep(2 * METADATA_SECONDS)
    stage.publisher.partitions = PARTITIONS + 2


async def promote_model(stage: Stage) -> None:
    """Promote the other model while every queue is full.

    One consumer cannot obtain it at first and continues with the previous one; another is killed while it loads it.
    """
    members = [member for member in stage.fleet.members if member.supervised]
    blocked, killed, *_ = stage.rng.sample(members, 2)
    blocked.block_cache()
    # After an earlier fault some may still be joining the group, and would get no share of the burst.
    await becomes_true(lambda: _share_all_partitions(stage.installation, members), ASSIGNED_SECONDS)
    for member in members:
        member.proxy.delay = 0.25
    await _publish_burst(stage)
    full = await becomes_true(lambda: all(HELD in metrics_of(member) for member in members), 40)
    stage.seen["promotions with full queues"] += full
    before = killed.process.output().count(LOADING)
    async with traffic(stage):
        await promote_other(stage)
        loading = await becomes_true(lambda: killed.process.output().count(LOADING) > before, 10)
        stage.seen["consumers killed while they load a model"] += loading
        await stage.fleet.leave(killed, signal.SIGKILL)
        stage.fleet.restart(killed)
        await stage.pause(2, 4)
        for member in members:
            member.proxy.heal()
        # What the blocked consumer stores after the end of the scan is labelled only because it is queued.
        scans = "SELECT COUNT(*) FROM missing_scans"
        await becomes_true(lambda: stage.installation.number(scans) == 0, 60)
        await stage.pause(3, 5)
    blocked.unblock_cache()


def _share_all_partitions(installation: Installation, members: Sequence[Member]) -> bool:
    """Return whether each partition is assigned to one of these consumers, and each consumer has some."""
    found = [ASSIGNED.search(metrics_of(member)) for member in members]
    counts = [0 if match is None else int(match[1]) for match in found]
    return all(counts) and sum(counts) == installation.number("SELECT COUNT(*) FROM partitions")


async def promote_in_open_batches(stage: Stage) -> None:
    """Promote the other model during steady traffic, so that batches are open when consumers have loaded it."""
    async with traffic(stage):
        await stage.pause(1, 2)
        await promote_other(stage)
        await stage.pause(6, 8)


@contextlib.asynccontextmanager
async def traffic(stage: Stage) -> AsyncIterator[None]:
    """Publish a comment every few milliseconds while the block runs."""

    async def publish() -> None:
        run = stage.rng.getrandbits(32)
        async with AIOKafkaProducer(bootstrap_servers=stage.installation.kafka, linger_ms=0) as producer:
            for number in itertools.count():
                record = _praise(f"traffic-{run}", number)
                await producer.send_and_wait(stage.installation.topic, record.value, key=record.key)
                await asyncio.sleep(TRAFFIC_SECONDS)

    publishing = asyncio.create_task(publish())
    try:
        yield
    finally:
        publishing.cancel()
        await asyncio.wait([publishing])


async def _publish_burst(stage: Stage) -> None:
    """Publish more comments than the queues of all consumers hold, also of one with few partitions."""
    run = stage.rng.getrandbits(32)
    async with AIOKafkaProducer(bootstrap_servers=stage.installation.kafka) as producer:
        for number in range(BURST):
            record = _praise(f"burst-{run}", number)
            await producer.send(stage.installation.topic, record.value, key=record.key)


def _praise(name: str, number: int) -> Record:
    return comment(f"{name}-{number}", f"第{number}条，物流很快，客服也好", platform="desk")


FAULTS: Sequence[Fault] = (
    kill_consumer,
    terminate_consumer,
    zombie,
    stop_in_transaction,
    join_and_leave,
    rebalance_during_batches,
    rebalance_while_database_is_away,
    restart_broker,
    kill_broker,
    restart_database,
    kill_database,
    database_away,
    cut_database,
    delay_database,
    half_open_database,
    lose_commits,
    cut_kafka,
    delay_kafka,
    half_open_kafka,
    second_writer,
    add_partitions,
    promote_model,
    promote_in_open_batches,
)


async def run_schedule(stage: Stage, faults: Sequence[Fault], rounds: int, report: Callable[[str], None]) -> None:
    """Inject every fault once per round, in random order, with short pauses in between."""
    for number in range(rounds):
        shuffled = list(faults)
        stage.rng.shuffle(shuffled)
        for fault in shuffled:
            if fault is add_partitions and number > 0:
                continue
            report(fault.__name__)
            await fault(stage)
            stage.injected[fault.__name__] += 1
            await stage.pause(0.2, 1)


def _lock_faults(installation: Installation) -> Counter[str]:
    """Return the server's counters since its start."""
    names = {
        "lock_deadlocks": "deadlocks",
        "lock_timeouts": "lock waits that timed out",
        "lock_row_lock_waits": "lock waits",
    }
    rows = installation.query("SELECT name, count FROM information_schema.innodb_metrics WHERE name LIKE 'lock%'")
    return Counter({names[name]: count for name, count in rows if name in names})


def _lock_rows(installation: Installation, seed: float, seconds: float) -> None:
    rng = random.Random(seed)
    connection = pymysql.connect(**installation.address(), autocommit=False)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 2")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                cursor.execute("SELECT MAX(number) FROM comments")
                newest = (cursor.fetchone() or (0,))[0] or 1
                for _ in range(5):
                    number = max(1, newest + 200 - rng.randrange(500))  # Some of these are being written.
                    cursor.execute("SELECT number FROM comments WHERE number = %s FOR UPDATE", (number,))
                    cursor.execute("SELECT n FROM hourly_counts ORDER BY RAND() LIMIT 3 FOR UPDATE")
                    time.sleep(rng.uniform(0, 0.2))
                connection.rollback()
            except pymysql.MySQLError:
                connection.rollback()
