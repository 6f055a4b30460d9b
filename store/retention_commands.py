"""`liuyan store purge`: purge what is older than the settings allow."""

from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import Column, require_confirmation, write_line, write_table

if TYPE_CHECKING:
    from store.retention import Purged, Rules
    from store.store import Store

NAMES = {
    "comments": ("comments", "comments"),
    "versions": ("replaced texts", "versions"),
    "dead_letters": ("dead letters", "dead_letters"),
    "outbox": ("outbox messages", "outbox"),
    "sessions": ("sessions", "sessions"),
    "tokens": ("API tokens", "sessions"),
    "audit_log": ("audit log records", "audit_log"),
}


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be purged.")] = False,
    reviewed: Annotated[bool, typer.Option("--reviewed", help="Also purge reviewed comments.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: Annotated[
        str | None, typer.Option(help="Who does this, for the audit log. Default: your account's name.")
    ] = None,
) -> None:
    """Purge comments and other rows that are older than the settings LIUYAN_..._DAYS allow.

    API servers do the same every hour. Counts are kept, so charts do not change. Reviewed comments are kept unless
    --reviewed or LIUYAN_PURGE_REVIEWED says otherwise. A purged comment does not return when its event is delivered
    again.
    """
    from liuyan.progress import progress_bar
    from liuyan.settings import load_settings
    from store.audit import command_actor
    from store.lock_keys import new_token
    from store.ready import with_store
    from store.retention import Rules, count_purgeable
    from store.retention import purge as purge_rows

    rules = Rules.of(load_settings(), reviewed=reviewed)

    async def count(store: "Store") -> "Purged":
        async with store.reading(patient=True) as connection:
            return await count_purgeable(connection, rules)

    _report(with_store(count), rules)
    if dry_run:
        return
    require_confirmation("Purge them permanently?", yes=yes)
    with progress_bar() as bars:
        done = with_store(lambda store: purge_rows(store, rules, command_actor(by), new_token(), bars))
    write_line(f"Purged {done.comments:,} comments and {sum(done.by_kind().values()) - _comments(done):,} other rows.")


def _comments(done: "Purged") -> int:
    return done.comments + done.reviewed_texts


def _report(counts: "Purged", rules: "Rules") -> None:
    by_kind = counts.by_kind()
    rows = []
    for field, (name, rule) in NAMES.items():
        days = getattr(rules, rule)
        rows.append((name, f"{days} days" if days else "no limit", by_kind[field]))
    write_table([Column("rows"), Column("kept for"), Column("to purge", right=True)], rows)
    if counts.reviewed_texts:
        write_line(f"{counts.reviewed_texts:,} of the comments have reviews, which would be lost.", err=True)
