"""`liuyan consumer replay`: the options."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liuyan.settings import Settings
    from store.relabel_runs import Range


def replay(
    model: Annotated[str, typer.Argument(help="The model's number or the beginning of its SHA-256.")],
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Only records with timestamps from this time on; stored comments by their time of creation.",
        ),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Only records before this time.")] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="Only this topic; repeatable. Leaves out the pass over stored comments. Default: all."),
    ] = None,
    platform: Annotated[list[str] | None, typer.Option(help="Only this platform; repeatable. Default: all.")] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0, help="Records per second of all processes together; 0 removes an earlier limit."),
    ] = None,
    yield_to_lag: Annotated[
        float, typer.Option(min=0, help="Pause while consumers lag more than this many seconds.")
    ] = 10,
    no_store: Annotated[bool, typer.Option("--no-store", help="Leave out the pass over stored comments.")] = False,
    store_only: Annotated[bool, typer.Option("--store-only", help="Only the pass over stored comments.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report records, comments and time.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel this model's unfinished replay.")] = False,
    by: Annotated[str | None, typer.Option(help="Name for the audit log; default: your user name.")] = None,
) -> None:
    """Add a model's predictions to the comments that are stored already, and change nothing else.

    Reads the topics up to what consumers have stored, then the stored comments that still lack the prediction. Several
    processes share one replay; the same command continues it after a stop, and ends with status 0 when it is done.
    """
    import asyncio

    from consumer.relabel import replay as replays
    from liuyan.log import configure_logging
    from liuyan.settings import load_settings

    settings = load_settings()
    # On a terminal the progress bar replaces the lines of normal operation.
    shows_bar = sys.stderr.isatty() and settings.log_level == "info"
    configure_logging(settings.log_format, "warning" if shows_bar else settings.log_level)
    if cancel:
        asyncio.run(replays.cancel(settings, model, by=by))
        return
    covered = _range(settings, since, until, topic or (), platform or (), no_store=no_store, store_only=store_only)
    options = replays.Replay(model, covered, rate, yield_to_lag)
    asyncio.run(replays.dry_run(settings, options) if dry_run else replays.replay(settings, options, by=by))


def _range(
    settings: "Settings",
    since: str | None,
    until: str | None,
    topics: "Sequence[str]",
    platforms: "Sequence[str]",
    *,
    no_store: bool,
    store_only: bool,
) -> "Range":
    """Return the range that the options describe. Raises UsageError."""
    from liuyan.errors import UsageError
    from liuyan.times import parse_time_option
    from store.relabel_runs import Range

    if store_only and (no_store or topics):
        other = "--no-store" if no_store else "--topic"
        raise UsageError(f"--store-only and {other} exclude each other: stored comments do not record their topic.")
    for topic in topics:
        if topic not in settings.topics:
            raise UsageError(f"Topic {topic!r} is not in LIUYAN_TOPICS, so its comments are not stored. Add it there.")
    begin = None if since is None else parse_time_option("--from", since)
    end = None if until is None else parse_time_option("--to", until)
    if begin is not None and end is not None and begin >= end:
        raise UsageError("The range is empty: --from must be earlier than --to.")
    read = () if store_only else tuple(sorted(set(topics) or settings.topics))
    return Range(not store_only, not (no_store or topics), begin, end, read, tuple(sorted(set(platforms))))
