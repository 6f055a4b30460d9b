"""The privileges that each process needs on a server, and the statements that grant them.

The database deletes the rows that depend on a comment, a dead letter or an account by itself, so deleting those needs
no privilege on the dependent tables.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import metadata
from store.database_roles import Role, role_name
from store.errors import StoreError
from store.faults import describe

VERSION_TABLE = "alembic_version"
VIEWS = ("dashboard_hours", "dashboard_weeks", "dashboard_reviews")
WORDS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
# Privileges on the whole database.
MIGRATE = "ALTER, CREATE, CREATE VIEW, DELETE, DROP, INDEX, INSERT, REFERENCES, SELECT, SHOW VIEW, UPDATE"
BACKUP = "LOCK TABLES, SELECT, SHOW VIEW"
# Access denied to a table or a column.
DENIED = frozenset({1142, 1143})
LOCK_WAIT_TIMEOUT = 1205
# How long the check waits for a table that somebody has locked, with each statement.
LOCK_WAIT_SECONDS = 1


# By table, the first letters of SELECT, INSERT, UPDATE and DELETE. A bulk insert that updates existing rows needs both.
CONSUMER: Mapping[str, str] = {
    "active_model": "SIU",
    "audit_log": "SI",
    "author_erasures": "SU",
    "comment_counts": "SIUD",
    "comment_versions": "SI",
    "comments": "SIUD",
    "compatibility": "S",
    "count_sums": "SIUD",
    "dead_letters": "SIUD",
    "erasures": "SIU",
    "hourly_counts": "SIUD",
    "key_checks": "SIU",
    "missing_predictions": "SIUD",
    "missing_scans": "SUD",
    "model_files": "SID",
    "models": "SIU",
    "outbox": "SIU",
    "partitions": "SIU",
    "predictions": "SIUD",
    "relabel_members": "SIUD",
    "relabel_parts": "SIU",
    "relabel_runs": "SIU",
    "retention": "S",
    "stored_keys": "S",
}
API: Mapping[str, str] = {
    "active_model": "SU",
    "agreement_pairs": "SIUD",
    "agreement_patterns": "SIUD",
    "api_tokens": "SIUD",
    "attempts": "SIUD",
    "audit_log": "SIUD",
    "author_erasures": "SIU",
    "blind_decisions": "SIU",
    "comment_counts": "SIUD",
    "comment_versions": "SD",
    "comments": "SUD",
    "comparison_examples": "SI",
    "comparisons": "SIU",
    "compatibility": "S",
    "count_sums": "SIUD",
    "dead_letters": "SUD",
    "disputes": "SIUD",
    "group_decisions": "SIU",
    "hourly_counts": "SIUD",
    "identities": "SI",
    "missing_predictions": "S",
    "missing_scans": "SID",
    "model_files": "S",
    "models": "SU",
    "notices": "SIUD",
    "outbox": "SIUD",
    "partitions": "S",
    "pending_reviews": "SIUD",
    "predictions": "SUD",
    "recovery_codes": "SID",
    "relabel_members": "S",
    "relabel_parts": "S",
    "relabel_runs": "SU",
    "retention": "SIU",
    "review_claims": "SIUD",
    "review_skips": "SIUD",
    "reviewer_counts": "SIUD",
    "reviews": "SIU",
    "second_factors": "SIUD",
    "sessions": "SIUD",
    "stored_keys": "S",
    "used_states": "SID",
    "users": "SIUD",
}
PROBES = {
    "S": "SELECT 1 FROM {table} WHERE 1 = 0",
    "I": "EXPLAIN INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0",
    "U": "EXPLAIN UPDATE {table} SET {column} = {column} WHERE 1 = 0",
    "D": "EXPLAIN DELETE FROM {table} WHERE 1 = 0",
}


def needs(role: Role) -> dict[str, str]:
    """Return the letters of the privileges that a role needs, by table or view, without those on the whole database."""
    if role in (Role.CONSUMER, Role.API):
        return {**(CONSUMER if role is Role.CONSUMER else API), VERSION_TABLE: "S"}
    if role is Role.BACKUP:
        # Records each backup; it reads everything by a privilege on the whole database.
        return {"audit_log": "I"}
    if role is Role.OPERATOR:
        return {**dict.fromkeys(sorted(metadata.tables), "SIUD"), VERSION_TABLE: "S"}
    return dict.fromkeys(VIEWS, "S") if role is Role.GRAFANA else {}


def grant_statements(role: Role, database: str, only: Iterable[str] | None = None) -> list[str]:
    """Return the statements that grant a role its privileges on ``database``; with ``only``, those on these tables."""
    named, chosen = role_name(role), None if only is None else frozenset(only)
    whole = {Role.MIGRATE: MIGRATE, Role.BACKUP: BACKUP}.get(role)
    on_all = [f"GRANT {whole} ON `{database}`.* TO '{named}';"] if whole is not None and chosen is None else []
    return on_all + [
        f"GRANT {', '.join(WORDS[letter] for letter in letters)} ON `{database}`.`{table}` TO '{named}';"
        for table, letters in needs(role).items()
        if chosen is None or table in chosen
    ]


def granted_tables(connection: Connection) -> set[str]:
    """Return the tables and views of the database."""
    found = inspect(connection)
    return {*found.get_table_names(), *found.get_view_names()}


async def check_grants(connection: AsyncConnection, role: Role) -> None:
    """Check that the account has the privileges of a role. Does nothing on SQLite.

    Raises StoreError with the missing privileges, and TransientStoreError.
    """
    if connection.dialect.name == "sqlite":
        return
    usual = (await connection.exec_driver_sql("SELECT @@SESSION.lock_wait_timeout")).scalar_one()
    await connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}")
    missing = [
        f"{WORDS[letter]} on {table}"
        for table, letters in needs(role).items()
        for letter in letters
        if not await _has(connection, table, letter)
    ]
    await connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {usual}")
    if missing:
        user = connection.engine.url.username
        raise StoreError(
            f"The database account {user} lacks privileges: {_shortened(missing)}. Run the statements of "
            f"`liuyan store grants {role}` as an administrator of the database."
        )


async def _has(connection: AsyncConnection, table: str, letter: str) -> bool:
    """Return whether the account may run a statement; it is only explained, which checks the same privileges.

    A table that somebody has locked counts as accessible, so that processes can start meanwhile.
    """
    column = next(iter(metadata.tables[table].columns)).name if table in metadata.tables else ""
    quote = connection.dialect.identifier_preparer.quote
    probe = PROBES[letter].format(table=quote(table), column=quote(column))
    try:
        await connection.exec_driver_sql(probe)
    except DBAPIError as error:
        code = describe(error)[0]
        if code in DENIED:
            return False
        if code != LOCK_WAIT_TIMEOUT:
            raise
    return True


def _shortened(missing: Sequence[str], most: int = 5) -> str:
    others = len(missing) - most
    return ", ".join(missing[:most]) + (f" and {others} more" if others > 0 else "")
