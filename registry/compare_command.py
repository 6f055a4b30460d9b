"""`liuyan model compare`: compare the stored predictions of two models in the foreground."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import write_json
from liuyan.times import parse_time_option

if TYPE_CHECKING:
    from registry.compare import Worker
    from registry.comparison_result import ComparisonResult
    from store.comparisons import Comparison, ComparisonOrder, ShownExample
    from store.store import Store


def compare(
    old: Annotated[str, typer.Argument(help="The old model: its number or the beginning of its SHA-256.")],
    new: Annotated[str, typer.Argument(help="The new model: its number or the beginning of its SHA-256.")],
    platform: Annotated[str | None, typer.Option(help="Only comments of this platform.")] = None,
    created_from: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only comments written from this time on.")
    ] = None,
    created_to: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Only comments written before this time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    by: Annotated[
        str | None, typer.Option(help="Who does this, for the audit log. Default: your account's name.")
    ] = None,
) -> None:
    """Compare two models on the comments that both have labelled: flipped labels, and accuracy on reviewed comments.

    Times are such as 2026-01-31T08:15:00+08:00 or 2026-01-31 (midnight UTC). The comparison reads the database in short
    queries, so consumers and the API are not delayed. The admin app shows the result too; after an interruption, an API
    process finishes it.

    Examples:

        liuyan model compare 1 2

        liuyan model compare 1 9f2c41d07b3e --platform forum --from 2026-01-01 --json
    """
    import asyncio

    from liuyan.settings import load_settings
    from store.ready import ready_store

    begins = None if created_from is None else parse_time_option("--from", created_from)
    ends = None if created_to is None else parse_time_option("--to", created_to)

    async def run() -> "tuple[Comparison, ComparisonResult, list[ShownExample]]":
        from registry.compare import Worker, new_token

        settings = load_settings()
        async with ready_store(settings) as store:
            order = await _order(store, old, new, platform, (begins, ends))
            return await _compare(Worker(store, settings, new_token()), order, by)

    found = asyncio.run(run())

    from registry.show_comparison import comparison_document, print_comparison

    if as_json:
        write_json(comparison_document(*found))
    else:
        print_comparison(*found)


async def _order(
    store: "Store", old: str, new: str, platform: str | None, limits: tuple[datetime | None, datetime | None]
) -> "ComparisonOrder":
    from store.comparisons import ComparisonOrder
    from store.promotion import find_model

    old_model, new_model = [await store.read(find_model, name) for name in (old, new)]
    return ComparisonOrder(old_model.number, new_model.number, platform, *limits)


async def _compare(
    worker: "Worker", order: "ComparisonOrder", by: str | None
) -> "tuple[Comparison, ComparisonResult, list[ShownExample]]":
    """Order the comparison, finish it with a progress bar, and read the result. Raises ComparisonRefusedError."""
    from liuyan.progress import progress_bar
    from registry.compare import work_on_comparison
    from registry.comparison_result import result_from_json
    from store.audit import command_actor
    from store.comparisons import ComparisonRefusedError, order_comparison, read_comparison, read_examples

    store = worker.store
    number = await store.write(order_comparison, command_actor(by), order, worker.token)
    with progress_bar() as progress:
        await work_on_comparison(worker, number, lambda done, last: progress("comparing", done, last))
    found = await store.read(read_comparison, number)
    if found is None or found[1] is None:
        message = f"Another process works on comparison {number}. Look at it in the admin app."
        raise ComparisonRefusedError("taken", message)
    return found[0], result_from_json(found[1]), await store.read(read_examples, number)
