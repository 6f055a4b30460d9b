"""`liuyan consumer`: run a consumer, make its topic, check what platforms publish, see and mend its state."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.dead_letters_commands import app as dead_letters
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

app = typer.Typer(help="Consume comment events, and look after the consumer's state.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")

Model = Annotated[Path | None, typer.Option(help="Folder of the model artifact; the active model's by default.")]
Topic = Annotated[str, typer.Argument(help="The topic.")]
Partition = Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="Number of the partition.")]


@app.command(epilog="Example: liuyan consumer run")
def run(
    model: Model = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Label beside the active model, in a group of its own; shows nothing.")
    ] = False,
) -> None:
    """Consume comment events, label them and store them, until SIGTERM or Ctrl-C.

    Start as many as there are partitions: Kafka shares the work out. Settings are environment variables, see
    .env.example.
    """
    import asyncio

    from consumer.run import run_consumer
    from liuyan.errors import UsageError
    from liuyan.log import configure_logging
    from liuyan.packages import check_owners
    from liuyan.settings import load_settings

    check_owners()
    if shadow and model is None:
        raise UsageError("--shadow labels with another model than the active one: name its artifact with --model.")
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    asyncio.run(run_consumer(settings, model_path=model, shadow=shadow))


@app.command("create-topic", epilog="Example: liuyan consumer create-topic comments --partitions 8 --retention-days 30")
def create_topic(
    topic: Annotated[str | None, typer.Argument(help="Name; by default every topic of LIUYAN_TOPICS.")] = None,
    partitions: Annotated[int, typer.Option(min=1, max=10_000, help="The most consumers that can share it.")] = 8,
    replication: Annotated[int, typer.Option(min=1, max=100, help="Copies of each partition.")] = 1,
    retention_days: Annotated[
        float, typer.Option(min=0, help="Days that records are kept; 0 keeps them for good.")
    ] = 30,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Succeed when it exists already.")] = False,
) -> None:
    """Make the topic that platforms publish to.

    It takes batches of up to 1 MiB as they are compressed; the largest record of an event is 1 MiB after decompression.
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
            write_line(f"Topic {name} exists already.")
        else:
            write_line(f"Made topic {name} with {partitions} partitions.")


@app.command("check-event", epilog="Example: liuyan consumer check-event events.jsonl --partitions 8")
def check_event(
    file: Annotated[Path, typer.Argument(help="One event as JSON a line; - reads standard input.")],
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topic, to tell each event's.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say of each line whether it is a valid event, why not, and its key and partition. Publishes nothing.

    Ends with status 1 when a line is not valid. Into a pipe it writes tab-separated values.
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
    """Print the contract that platforms publish by, as AsyncAPI 3 with JSON Schema."""
    from consumer.contract import contract_json

    write_text(contract_json().removesuffix("\n"))


@app.command(epilog="Example: liuyan consumer status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a partition and line.")] = False,
) -> None:
    """Show each partition: stored offset, end, lag in records and in seconds, records lost, and why it is paused."""
    from dataclasses import asdict

    from consumer.connection import Connection
    from consumer.status import read_status, total_lag
    from liuyan.settings import load_settings
    from store.ready import with_store

    settings = load_settings()
    topics = list(settings.topics)
    statuses = with_store(lambda store: read_status(store, Connection.of(settings), settings.group, topics))
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
    to: Annotated[str, typer.Option(help="An offset, or start, or end.")],
) -> None:
    """Set the stored offset of a partition, and release it if it stands still. Running consumers follow.

    Going back stores nothing twice: what the database holds already is recognised.
    """
    import asyncio

    from consumer.partition_admin import seek_partition
    from liuyan.settings import load_settings

    offset = asyncio.run(seek_partition(load_settings(), topic, partition, to))
    write_line(f"{topic} {partition} goes on at offset {offset}.")


@app.command(epilog='Example: liuyan consumer pause comments 3 --reason "publisher is being mended"')
def pause(
    topic: Topic,
    partition: Partition,
    reason: Annotated[str, typer.Option(help="Why; status and readyz show it.")] = "paused by hand",
) -> None:
    """Pause a partition, as a stored row that neither a restart nor a rebalance releases."""
    import asyncio

    from consumer.partition_admin import pause_partition
    from liuyan.settings import load_settings

    asyncio.run(pause_partition(load_settings(), topic, partition, reason))
    write_line(f"{topic} {partition} is paused.")


@app.command(epilog="Example: liuyan consumer resume comments 3")
def resume(topic: Topic, partition: Partition) -> None:
    """Release a paused partition; running consumers go on within seconds."""
    import asyncio

    from consumer.partition_admin import resume_partition
    from liuyan.settings import load_settings

    asyncio.run(resume_partition(load_settings(), topic, partition))
    write_line(f"{topic} {partition} goes on.")


def _events(file: Path) -> "BinaryIO":
    """The lines of a file, to be closed. Raises UsageError when it cannot be read."""
    from liuyan.errors import UsageError

    if str(file) == "-":
        return standard_input()
    try:
        return file.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None


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
        state = "paused" if one.paused else "not begun" if one.stored is None else "runs"
        seconds = None if one.lag_seconds is None else f"{one.lag_seconds:.0f}"
        offsets = (one.stored, one.end, one.lag)
        rows.append((one.topic, one.partition, *offsets, seconds, one.records_lost, state, one.paused))
    write_table([Column("topic"), *numbers, Column("state"), Column("reason", below=True)], rows)
