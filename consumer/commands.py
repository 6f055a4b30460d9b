"""`liuyan consumer`: run a consumer, create its topic, check events, inspect and manage partitions."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.dead_letters_commands import app as dead_letters
from consumer.replay_commands import replay
from liuyan.terminal import (
    Column,
    is_terminal,
    standard_input,
    write_json,
    write_line,
    write_table,
    write_text,
    write_total,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from consumer.check_event import Verdict
    from consumer.status import PartitionStatus

app = typer.Typer(help="Consume comment events and manage topics, partitions and dead letters.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")
app.command(epilog="Examples: liuyan consumer replay 2; liuyan consumer replay 2 --from 2026-01-01 --rate 500")(replay)

Topic = Annotated[str, typer.Argument(help="Name of the topic.")]
Partition = Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="Partition number.")]


@app.command(epilog="Example: liuyan consumer run")
def run(
    shadow: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Only add this model's predictions to comments, as other consumers store them. Its number or the "
            "beginning of its SHA-256.",
        ),
    ] = None,
) -> None:
    """Consume, label and store comment events until SIGTERM or Ctrl-C.

    Comments are labelled by the active model. When another one is promoted, the consumer loads it and switches to it.

    Run up to one consumer per partition; Kafka distributes the partitions. Configure it with environment variables,
    see .env.example.
    """
    import asyncio

    from consumer.relabel.shadow import run_shadow
    from consumer.run import run_consumer
    from liuyan.log import configure_logging
    from liuyan.packages import check_owners
    from liuyan.settings import load_settings

    check_owners()
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    if shadow is not None:
        asyncio.run(run_shadow(settings, shadow))
    else:
        asyncio.run(run_consumer(settings))


@app.command("create-topic", epilog="Example: liuyan consumer create-topic comments --partitions 8 --retention-days 30")
def create_topic(
    topic: Annotated[str | None, typer.Argument(help="Topic name. Default: all topics of LIUYAN_TOPICS.")] = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, help="Number of partitions: the most consumers that can share the topic.")
    ] = 8,
    replication: Annotated[int, typer.Option(min=1, max=100, help="Replicas of each partition.")] = 1,
    retention_days: Annotated[float, typer.Option(min=0, help="Days to keep records; 0 keeps them permanently.")] = 30,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Succeed if the topic exists.")] = False,
) -> None:
    """Create the topic that platforms publish to.

    It accepts compressed batches of up to 1 MiB. An event may have up to 1 MiB after decompression.
    """
    import asyncio

    from consumer.connection import Connection
    from consumer.event import MAXIMUM_VALUE_BYTES
    from consumer.topics import TopicError, Topics
    from liuyan.settings import load_settings

    settings = load_settings()
    # Room for one record of the largest event with its key and headers. Brokers limit compressed bytes only.
    sizes = {"max.message.bytes": str(MAXIMUM_VALUE_BYTES + 64 * 1024)}
    retention = "-1" if retention_days == 0 else str(int(retention_days * 86_400_000))
    for name in [topic] if topic is not None else list(settings.topics):
        try:
            asyncio.run(
                Topics(Connection.of(settings)).create(
                    name,
                    partitions=partitions,
                    replication=replication,
                    settings={"retention.ms": retention, **sizes},
                )
            )
        except TopicError:
            if not if_missing:
                raise
            write_line(f"Topic {name} already exists.")
        else:
            write_line(f"Created topic {name} with {partitions} partitions.")


@app.command("check-event", epilog="Example: liuyan consumer check-event events.jsonl --partitions 8")
def check_event(
    file: Annotated[Path, typer.Argument(help="File with one JSON event per line; - reads standard input.")],
    partitions: Annotated[
        int, typer.Option(min=1, help="Number of partitions of the topic, to compute each event's partition.")
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object per event.")] = False,
) -> None:
    """Check events without publishing them: show each one's key and partition, or why it is invalid.

    Exits with status 1 if an event is invalid. Writes tab-separated values to a pipe.
    """
    from consumer.check_event import check_lines

    counts: Counter[bool] = Counter()

    def counted(verdicts: "Iterable[Verdict]") -> "Iterator[Verdict]":
        for verdict in verdicts:
            counts[verdict.reason is None] += 1
            yield verdict

    with _events(file) as lines:
        _show_verdicts(counted(check_lines(lines, partitions)), as_json=as_json)
    write_total(f"{counts[True]} valid, {counts[False]} not valid")
    raise typer.Exit(1 if counts[False] else 0)


@app.command(epilog="Example: liuyan consumer contract > contract.asyncapi.json")
def contract() -> None:
    """Print the event contract as an AsyncAPI 3 document with JSON Schema."""
    from consumer.contract import contract_json

    write_text(contract_json().removesuffix("\n"))


@app.command(epilog="Example: liuyan consumer status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object per partition.")] = False,
) -> None:
    """Show each partition's stored offset, end offset, lag in records and seconds, lost records and state."""
    from dataclasses import asdict

    from consumer.connection import Connection
    from consumer.status import read_status, total_lag
    from consumer.unbound_topics import ADVICE, unbound_topics
    from liuyan.settings import load_settings
    from store.ready import with_store

    settings = load_settings()
    topics = list(settings.topics)
    statuses = with_store(lambda store: read_status(store, Connection.of(settings), settings.group, topics))
    for topic in unbound_topics(settings.topics):
        write_line(f"Warning: every platform may publish to topic {topic}; {ADVICE}.", err=True)
    if as_json:
        for one in statuses:
            write_json(asdict(one))
        return
    _show(statuses)
    write_total(f"lag {total_lag(statuses)}")


@app.command(epilog="Example: liuyan consumer seek comments 3 --to start")
def seek(
    topic: Topic,
    partition: Partition,
    to: Annotated[str, typer.Option(help="An offset, start or end.")],
) -> None:
    """Set a partition's stored offset and resume the partition if it is paused. Running consumers follow.

    Seeking back stores nothing twice: comments that are already stored remain unchanged.
    """
    import asyncio

    from consumer.partition_admin import seek_partition
    from liuyan.settings import load_settings

    offset = asyncio.run(seek_partition(load_settings(), topic, partition, to))
    write_line(f"{topic} {partition} continues at offset {offset}.")


@app.command(epilog='Example: liuyan consumer pause comments 3 --reason "publisher is being fixed"')
def pause(
    topic: Topic,
    partition: Partition,
    reason: Annotated[str, typer.Option(help="Reason, shown by `status` and /readyz.")] = "paused by hand",
) -> None:
    """Pause a partition. It stays paused across restarts and rebalances until `resume` or `seek`."""
    import asyncio

    from consumer.partition_admin import pause_partition
    from liuyan.settings import load_settings

    asyncio.run(pause_partition(load_settings(), topic, partition, reason))
    write_line(f"{topic} {partition} is paused.")


@app.command(epilog="Example: liuyan consumer resume comments 3")
def resume(topic: Topic, partition: Partition) -> None:
    """Resume a paused partition. Running consumers continue within seconds."""
    import asyncio

    from consumer.partition_admin import resume_partition
    from liuyan.settings import load_settings

    asyncio.run(resume_partition(load_settings(), topic, partition))
    write_line(f"{topic} {partition} is resumed.")


def _events(file: Path) -> "BinaryIO":
    """Open a file, or standard input for "-". Raises UsageError if it cannot be read."""
    from liuyan.errors import UsageError

    if str(file) == "-":
        return standard_input()
    try:
        return file.open("rb")
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror}.") from None


def _show_verdicts(verdicts: "Iterable[Verdict]", *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        for one in verdicts:
            write_json(asdict(one))
        return
    if not is_terminal():
        columns = [Column(name) for name in ("line", "key", "partition", "reason", "detail", "note")]
        rows = ((one.line, one.key, one.partition, one.reason, one.detail, one.note) for one in verdicts)
        write_table(columns, rows)
        return
    for one in verdicts:
        valid = f"valid, key {one.key}, partition {one.partition}{f'; {one.note}' if one.note else ''}"
        write_line(f"line {one.line}: {valid if one.reason is None else f'{one.reason}: {one.detail}'}")


def _show(statuses: "list[PartitionStatus]") -> None:
    numbers = [Column(name, right=True) for name in ("partition", "stored", "end", "lag", "seconds", "lost")]
    rows = []
    for one in statuses:
        state = "paused" if one.paused else "not started" if one.stored is None else "running"
        seconds = None if one.lag_seconds is None else f"{one.lag_seconds:.0f}"
        offsets = (one.stored, one.end, one.lag)
        rows.append((one.topic, one.partition, *offsets, seconds, one.records_lost, state, one.paused))
    write_table([Column("topic"), *numbers, Column("state"), Column("reason", below=True)], rows)
