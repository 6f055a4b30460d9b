"""`liuyan store grants`: the statements for separate database accounts."""

from typing import Annotated

import typer

from liuyan.errors import UsageError
from liuyan.terminal import write_line
from store.database_roles import Role, role_name

ACCOUNTS = {
    Role.MIGRATE: "`liuyan store migrate` and `liuyan store restore`",
    Role.CONSUMER: "`liuyan consumer run` and `liuyan consumer replay`",
    Role.API: "`liuyan api serve`",
    Role.OPERATOR: "all other commands",
    Role.BACKUP: "`liuyan store backup`",
    Role.GRAFANA: "Grafana",
}


def grants(
    role: Annotated[Role | None, typer.Argument(help="Only this role. Default: all.")] = None,
    host: Annotated[str, typer.Option(help="From where the accounts connect.")] = "%",
) -> None:
    """Print the SQL statements for separate database accounts, one per process, each with the privileges it needs.

    Run them as an administrator of MySQL or MariaDB, after `liuyan store migrate`. Replace the passwords.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from liuyan.settings import load_settings

    try:
        url = make_url(load_settings().required_database_url())
    except ArgumentError:
        raise UsageError("Invalid LIUYAN_DATABASE_URL. See .env.example.") from None
    if url.get_backend_name() == "sqlite" or not url.database:
        raise UsageError("SQLite has no accounts. Set LIUYAN_DATABASE_URL to a database on MySQL or MariaDB.")
    for one in [role] if role is not None else list(Role):
        _write(one, url.database, host)


def write_new_grants(tables: frozenset[str], database: str) -> None:
    """Print the grants that new tables need, for installations with separate accounts."""
    from store.grants import grant_statements

    statements = [
        statement
        for role in (Role.CONSUMER, Role.API, Role.OPERATOR, Role.GRAFANA)
        for statement in grant_statements(role, database, tables)
    ]
    if statements:
        write_line("If processes have separate database accounts, run these statements for the new tables:", err=True)
        for statement in statements:
            write_line(statement, err=True)


def _write(role: Role, database: str, host: str) -> None:
    from store.grants import grant_statements

    name = role_name(role)
    write_line(f"-- {role}: for {ACCOUNTS[role]}")
    write_line(f"CREATE ROLE IF NOT EXISTS '{name}';")
    for statement in grant_statements(role, database):
        write_line(statement)
    write_line(f"CREATE USER IF NOT EXISTS '{name}_account'@'{host}' IDENTIFIED BY 'PASSWORD';")
    write_line(f"GRANT '{name}' TO '{name}_account'@'{host}';")
    write_line(f"SET DEFAULT ROLE '{name}' TO '{name}_account'@'{host}';")
    write_line(f"-- MariaDB: SET DEFAULT ROLE '{name}' FOR '{name}_account'@'{host}';")
    write_line("")
