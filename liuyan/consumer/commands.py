"""`liuyan consumer`: run a consumer, make its topic, check what platforms publish, see and mend its state."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.consumer.dead_letters_commands import app as dead_letters

if TYPE_CHECKING:
    from liuyan.consumer.status import PartitionStatus

app = typer.Typer(help="Consume comment events, and look after the consumer's state.", no_args_is_help=True)
app.add_typer(dead_letters, name="deadletters")

Model = Annotated[Path | None, typer.Option(help="Folder of the model artifact; the active model's by default.")]
Topic = Annotated[str, typer.Argument(help="The topic.")]
Partition = Annotated[int, typer.Argument(min=0, help="Number of the partition.")]


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

    from liuyan.consumer.run import run_consumer
    from liuyan.errors import UsageError
    from liuyan.log import configure_logging
    from liuyan.settings import load_settings

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

    from liuyan.consumer.connection import Connection
    from liuyan.consumer.event import MAXIMUM_VALUE_BYTES
    from liuyan.consumer.topics import TopicError, Topics
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
            typer.echo(f"Topic {name} exists already.")
        else:
            typer.echo(f"Made topic {name} with {partitions} partitions.")


@app.command("check-event", epilog="Example: liuyan consumer check-event events.jsonl --partitions 8")
def check_event(
    file: Annotated[Path, typer.Argument(help="One event as JSON a line; - reads standard input.")],
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topic, to tell each event's.")] = 8,
) -> None:
    """Say of each line whether it is a valid event, why not, and its key and partition. Publishes nothing.

    Ends with status 1 when a line is not valid.
    """
    from liuyan.consumer.check_event import check_lines
    from liuyan.errors import UsageError

    valid = invalid = 0
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as lines:
            for verdict in check_lines(lines, partitions):
                if verdict.reason is None:
                    valid += 1
                    typer.echo(f"line {verdict.line}: valid, key {verdict.key}, partition {verdict.partition}")
                else:
                    invalid += 1
                    typer.echo(f"line {verdict.line}: {verdict.reason}: {verdict.detail}")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    typer.echo(f"{valid} valid, {invalid} not valid")
    raise typer.Exit(1 if invalid else 0)


@app.command(epilog="Example: liuyan consumer contract > contract.asyncapi.json")
def contract() -> None:
    """Print the contract that platforms publish by, as AsyncAPI 3 with JSON Schema."""
    from liuyan.consumer.contract import contract_json

    typer.echo(contract_json(), nl=False)


@app.command(epilog="Example: liuyan consumer status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a partition and line.")] = False,
) -> None:
    """Show each partition: stored offset, end, lag in records and in seconds, records lost, and why it is paused."""
    import asyncio
    import json
    from dataclasses import asdict

    from liuyan.consumer.connection import Connection
    from liuyan.consumer.status import read_status, total_lag
    from liuyan.settings import load_settings
    from liuyan.store.store import Store

    settings = load_settings()

    async def read() -> "list[PartitionStatus]":
        async with Store.open(settings.required_database_url()) as store:
            await store.check_ready()
            return await read_status(store, Connection.of(settings), settings.group, list(settings.topics))

    statuses = asyncio.run(read())
    if as_json:
        for one in statuses:
            typer.echo(json.dumps(asdict(one), ensure_ascii=False))
        return
    _show(statuses)
    typer.echo(f"lag {total_lag(statuses)}")


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

    from liuyan.consumer.mend import seek_partition
    from liuyan.settings import load_settings

    offset = asyncio.run(seek_partition(load_settings(), topic, partition, to))
    typer.echo(f"{topic} {partition} goes on at offset {offset}.")


@app.command(epilog='Example: liuyan consumer pause comments 3 --reason "publisher is being mended"')
def pause(
    topic: Topic,
    partition: Partition,
    reason: Annotated[str, typer.Option(help="Why; status and readyz show it.")] = "paused by hand",
) -> None:
    """Pause a partition, as a stored row that neither a restart nor a rebalance releases."""
    import asyncio

    from liuyan.consumer.mend import pause_partition
    from liuyan.settings import load_settings

    asyncio.run(pause_partition(load_settings(), topic, partition, reason))
    typer.echo(f"{topic} {partition} is paused.")


@app.command(epilog="Example: liuyan consumer resume comments 3")
def resume(topic: Topic, partition: Partition) -> None:
    """Release a paused partition; running consumers go on within seconds."""
    import asyncio

    from liuyan.consumer.mend import resume_partition
    from liuyan.settings import load_settings

    asyncio.run(resume_partition(load_settings(), topic, partition))
    typer.echo(f"{topic} {partition} goes on.")


def _show(statuses: "list[PartitionStatus]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("topic")
    for heading in ("partition", "stored", "end", "lag", "seconds", "lost"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for one in statuses:
        state = "paused" if one.paused else "not begun" if one.stored is None else "runs"
        seconds = "-" if one.lag_seconds is None else f"{one.lag_seconds:.0f}"
        cells = (
            one.partition,
            one.stored if one.stored is not None else "-",
            one.end,
            "-" if one.lag is None else one.lag,
        )
        table.add_row(one.topic, *map(str, cells), seconds, str(one.records_lost), state)
    Console().print(table)
    for one in statuses:
        if one.paused:  # Whole, since it names the command that mends it.
            typer.echo(f"{one.topic} {one.partition} paused: {one.paused}")
