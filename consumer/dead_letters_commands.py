"""`liuyan consumer dead-letters`: list, show, export, requeue, discard and delete dead letters."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from liuyan.terminal import (
    Column,
    console,
    json_line,
    printable_bytes,
    write_json,
    write_line,
    write_table,
    write_text,
    write_total,
)
from liuyan.times import parse_time_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store.dead_letter_admin import DeadLetterFilter, DeadLetterState, RequeueMessage, StoredLetter
    from store.store import Store

# The largest row number of any database.
LARGEST_NUMBER = 2**63 - 1
app = typer.Typer(help="List, show, export, requeue, discard and delete dead letters.", no_args_is_help=True)

Reason = Annotated[str | None, typer.Option(help="Only dead letters with this reason, for example invalid_field.")]
Topic = Annotated[str | None, typer.Option(help="Only dead letters from this topic.")]
State = Annotated[
    str | None, typer.Option(help="Only dead letters in this state: open, requeued, resolved or discarded.")
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only dead letters stored at or after this time, for example 2026-01-31 or 2026-01-31T08:15:00+08:00. "
        "UTC if the time has no offset.",
    ),
]
Numbers = Annotated[list[int] | None, typer.Argument(min=1, max=LARGEST_NUMBER, help="Numbers, as shown by `list`.")]
EveryLetter = Annotated[bool, typer.Option("--all", help="All open dead letters that match the filters.")]
By = Annotated[str | None, typer.Option(help="Who does this, for the audit log. Default: your account's name.")]


@app.command("list", epilog="Example: liuyan consumer dead-letters list --reason invalid_field --since 2026-01-31")
def list_(
    reason: Reason = None,
    topic: Topic = None,
    state: State = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="Include resolved and discarded dead letters.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of dead letters.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object per dead letter.")] = False,
) -> None:
    """List open and requeued dead letters, newest first."""
    from store.dead_letter_admin import list_dead_letters
    from store.ready import with_store

    letter_filter = _filter(reason, topic, state, since, every=every)
    letters = with_store(lambda store: store.read(list_dead_letters, letter_filter, limit))
    if as_json:
        for letter in letters:
            write_json(_fields(letter))
    else:
        _show_table(letters)


@app.command(epilog="Example: liuyan consumer dead-letters show 17")
def show(
    number: Annotated[int, typer.Argument(min=1, max=LARGEST_NUMBER, help="Number, as shown by `list`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Show a dead letter: its record, the reason, and its history."""
    from dataclasses import asdict

    from store.dead_letter_admin import read_dead_letter
    from store.ready import with_store

    letter, content, messages = with_store(lambda store: store.read(read_dead_letter, number))
    fields = {**_fields(letter), **_content(content.value, content.headers)}
    if as_json:
        write_json({**fields, "orders": [asdict(message) for message in messages]})
        return
    for name, value in fields.items():
        if name not in ("headers", "value", "value_base64"):
            write_line(f"{name:<16} {'-' if value is None else value}")
    for header, value in content.headers:
        write_line(f"{'header':<16} {header}: {printable_bytes(value)}")
    for index, (time, event) in enumerate(_history(letter, messages)):
        write_line(f"{'history' if index == 0 else '':<16} {time:%Y-%m-%d %H:%M:%S} {event}")
    write_line("value")
    write_text(indent(printable_bytes(content.value, keep="\n"), "  "))


@app.command(epilog="Example: liuyan consumer dead-letters export letters.jsonl --all")
def export(
    file: Annotated[Path, typer.Argument(help="File to write; - is standard output.")] = Path("-"),
    reason: Reason = None,
    topic: Topic = None,
    state: State = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="Include resolved and discarded dead letters.")] = False,
) -> None:
    """Write dead letters with their records as JSON Lines, oldest first. Bytes that are not UTF-8 become base64."""
    from liuyan.errors import UsageError
    from store.ready import with_store

    letter_filter = _filter(reason, topic, state, since, every=every)
    try:
        count = with_store(lambda store: _export(store, letter_filter, file))
    except OSError as error:
        raise UsageError(f"Cannot write {file}: {error.strerror}.") from None
    write_line(f"Exported {count} dead letters.", err=True)


@app.command(
    epilog="Examples: liuyan consumer dead-letters requeue 17 18; "
    "liuyan consumer dead-letters requeue --reason platform_not_allowed --all"
)
def requeue(
    numbers: Numbers = None,
    reason: Reason = None,
    topic: Topic = None,
    since: Since = None,
    every: EveryLetter = False,
    by: By = None,
) -> None:
    """Publish dead letters to their topic again, unchanged. A running consumer does it within seconds.

    A copy that is stored resolves its dead letter. If it fails again, the dead letter shows why. Requeueing twice is
    safe.
    """
    from store.audit import command_actor
    from store.dead_letter_admin import requeue as requeue_numbers
    from store.dead_letter_admin import requeue_all
    from store.ready import with_store

    actor = command_actor(by)
    if _chosen_by_number(numbers, (reason, topic, since), every=every):
        count = with_store(lambda store: store.write(requeue_numbers, numbers or [], actor))
    else:
        letter_filter = _filter(reason, topic, "open", since, every=False)
        count = with_store(lambda store: requeue_all(store, letter_filter, actor))
    write_line(f"Requeued {count} dead letters.")


@app.command(epilog="Example: liuyan consumer dead-letters discard 17 --by wang")
def discard(
    numbers: Numbers = None,
    reason: Reason = None,
    topic: Topic = None,
    since: Since = None,
    every: EveryLetter = False,
    by: By = None,
) -> None:
    """Discard dead letters. `list --all` still lists them, and `show` reports who discarded them and when."""
    from store.audit import command_actor
    from store.dead_letter_admin import discard as discard_numbers
    from store.dead_letter_admin import discard_all
    from store.ready import with_store

    actor = command_actor(by)
    if _chosen_by_number(numbers, (reason, topic, since), every=every):
        count = with_store(lambda store: store.write(discard_numbers, numbers or [], actor))
    else:
        letter_filter = _filter(reason, topic, "open", since, every=False)
        count = with_store(lambda store: discard_all(store, letter_filter, actor))
    write_line(f"Discarded {count} dead letters.")


@app.command(
    epilog="Examples: liuyan consumer dead-letters delete 17 18; "
    "liuyan consumer dead-letters delete --state discarded --all"
)
def delete(
    numbers: Numbers = None,
    reason: Reason = None,
    topic: Topic = None,
    state: State = None,
    since: Since = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="All dead letters that match the filters; without --state, all settled ones."),
    ] = False,
    by: By = None,
) -> None:
    """Delete dead letters with their records permanently. With --all, resolved and discarded ones unless --state is
    given.

    The audit log keeps their numbers. Dead letters also expire, see LIUYAN_DEAD_LETTER_DAYS.
    """
    from store.audit import command_actor
    from store.dead_letter_admin import SETTLED, delete_all
    from store.dead_letter_admin import delete as delete_numbers
    from store.ready import with_store

    actor = command_actor(by)
    if _chosen_by_number(numbers, (reason, topic, state, since), every=every):
        count = with_store(lambda store: store.write(delete_numbers, numbers or [], actor))
    else:
        letter_filter = _filter(reason, topic, state, since, every=False, states=SETTLED)
        count = with_store(lambda store: delete_all(store, letter_filter, actor))
    write_line(f"Deleted {count} dead letters.")


def _history(letter: "StoredLetter", messages: "Sequence[RequeueMessage]") -> "Iterator[tuple[datetime, str]]":
    """Yield when and how a dead letter changed, oldest first."""
    yield letter.stored_at, "stored"
    for message in messages:
        yield message.ordered_at, f"requeued by {message.ordered_by}"
        if message.done_at is not None:
            place = f"published at partition {message.published_partition}, offset {message.published_offset}"
            yield message.done_at, place if message.refused is None else message.refused
    if letter.settled_at is not None:
        yield letter.settled_at, f"{letter.state} by {letter.settled_by}" if letter.settled_by else letter.state


def _chosen_by_number(numbers: list[int] | None, filters: tuple[object, ...], *, every: bool) -> bool:
    """Return whether dead letters are chosen by number. Raises UsageError unless either numbers or --all are given."""
    from liuyan.errors import UsageError

    filtered = any(one is not None for one in filters)
    if bool(numbers) == every or (numbers and filtered):
        raise UsageError(
            "Specify either the numbers of dead letters or --all, which accepts filters such as --reason and --topic."
        )
    return bool(numbers)


def _filter(
    reason: str | None,
    topic: str | None,
    state: str | None,
    since: str | None,
    *,
    every: bool,
    states: "frozenset[DeadLetterState] | None" = None,
) -> "DeadLetterFilter":
    """Return the filter; ``states`` applies without ``state``, by default the unresolved ones."""
    from liuyan.errors import UsageError
    from store.dead_letter_admin import UNRESOLVED, DeadLetterFilter, DeadLetterState

    if states is None:
        states = frozenset() if every else UNRESOLVED
    if state is not None:
        try:
            states = frozenset({DeadLetterState(state)})
        except ValueError:
            raise UsageError(f"Invalid state {state!r}. Use one of: {', '.join(DeadLetterState)}.") from None
    return DeadLetterFilter(reason, topic, states, None if since is None else parse_time_option("--since", since))


async def _export(store: "Store", letter_filter: "DeadLetterFilter", file: Path) -> int:
    from store import audit
    from store.dead_letter_admin import export_dead_letters

    count = 0
    with console(error=True).status("exporting dead letters") as status, ExitStack() as stack:
        lines = None if str(file) == "-" else stack.enter_context(file.open("w", encoding="utf-8"))
        async for letter, content in export_dead_letters(store, letter_filter):
            fields = {**_fields(letter), **_content(content.value, content.headers)}
            if lines is None:
                write_json(fields)
            else:
                lines.write(json_line(fields) + "\n")
            count += 1
            status.update(f"exporting dead letters: {count}")
    detail = {"dead_letters": count}
    await store.write(audit.record, audit.command_actor(None), "dead_letter.export", "dead_letters", "", detail)
    return count


def _fields(letter: "StoredLetter") -> dict[str, Any]:
    from dataclasses import asdict

    fields = asdict(letter)
    return {**fields, **_bytes("key", fields.pop("key"))}


def _content(value: bytes | None, headers: Any) -> dict[str, Any]:
    return {
        "headers": [{"name": name, **_bytes("value", content)} for name, content in headers],
        **_bytes("value", value),
    }


def _bytes(name: str, content: bytes | None) -> dict[str, str | None]:
    """Return a text field, or NAME_base64 if the bytes are not UTF-8."""
    import base64

    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}


def _show_table(letters: "list[StoredLetter]") -> None:
    """Write a table. Columns with text from publishers are printed below each row, because they may be long."""
    columns = [
        Column("number", right=True),
        Column("stored"),
        Column("reason"),
        Column("state"),
        Column("tries", right=True),
        Column("topic", below=True),
        Column("partition", below=True),
        Column("offset", below=True),
        Column("key", below=True),
        Column("detail", below=True),
    ]
    rows = [
        (
            one.number,
            f"{one.stored_at:%Y-%m-%d %H:%M:%S}",
            one.reason,
            one.state,
            one.attempts,
            one.topic,
            one.partition,
            one.offset,
            printable_bytes(one.key),
            one.detail,
        )
        for one in letters
    ]
    write_table(columns, rows)
    write_total(f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}")
