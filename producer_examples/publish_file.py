"""Publish a file of comments: CSV with a header line, or JSON lines; the fields are those of the contract in both.

    python producer_examples/publish_file.py comments.csv --kafka 127.0.0.1:9092 --topic comments

The whole file is checked first, by the parser that will read it: a bad line is named with its number, and then nothing
is published. When Kafka fails midway, run it again: what was published already changes nothing.
"""

import argparse
import asyncio
import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import rich.progress
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.console import Console

from liuyan.consumer.connection import client_settings
from liuyan.consumer.event import CommentEvent, Rejection, parse_value


def read_events(path: Path, doing: str) -> Iterator[tuple[int, bytes, CommentEvent | Rejection]]:
    """Line number, JSON and meaning of each event, under a progress bar; blank lines are left out."""
    with rich.progress.open(path, "rb", description=doing, console=Console(stderr=True)) as file:
        for number, value in read_csv(file) if path.suffix == ".csv" else enumerate(file, start=1):
            if value.strip():
                yield number, value.strip(), parse_value(value.strip())


def read_csv(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each row as JSON; an empty cell is a field left out. Bytes that are not UTF-8 stay, for the check to name."""
    rows = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline=""), restkey="")
    for row in rows:
        if "" in row:
            sys.exit(f"line {rows.line_num}: more cells than the header has; quote texts that hold commas.")
        event = {name: cell for name, cell in row.items() if cell}
        yield rows.line_num, json.dumps(event, ensure_ascii=False).encode(errors="surrogateescape")


def check(path: Path) -> None:
    """See that every line is a valid event; end the program with the bad ones when there are any."""
    bad, count = [], 0
    for count, (number, _, event) in enumerate(read_events(path, "Checking"), start=1):  # noqa: B007
        bad += [f"line {number}: {event.detail}"] if isinstance(event, Rejection) else []
    if bad:
        sys.exit("\n".join([*bad[:20], f"{len(bad)} of {count} lines are bad: nothing was published."]))


async def publish(path: Path, kafka: str, topic: str) -> None:
    """Publish every event and see it acknowledged."""
    acknowledged, waiting = 0, []
    try:
        async with AIOKafkaProducer(**client_settings(kafka), enable_idempotence=True, acks="all") as producer:
            for _, value, event in read_events(path, "Publishing"):
                if isinstance(event, Rejection):
                    sys.exit("The file changed while it was published: check it and run this again.")
                waiting.append(await producer.send(topic, value, key=event.key.encode()))
                if len(waiting) == 1_000:  # enough in flight to be quick, few enough to hold in memory
                    acknowledged, waiting = acknowledged + len(await asyncio.gather(*waiting)), []
            acknowledged += len(await asyncio.gather(*waiting))
    except KafkaError as error:
        sys.exit(f"Kafka failed after {acknowledged} events, run this again when it is mended: {error}")
    print(f"published {acknowledged} events")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish a file of comments, CSV or JSON lines.")
    parser.add_argument("file", type=Path, help="FILE.csv, or JSON lines under any other name")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    options = parser.parse_args()
    check(options.file)
    asyncio.run(publish(options.file, options.kafka, options.topic))
