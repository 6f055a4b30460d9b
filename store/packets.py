"""Send several statements to MySQL or MariaDB in one packet. SQLite runs them one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, TextualSelect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DataError, DBAPIError

Sql = TextClause | TextualSelect
SEPARATOR = ";\n"
# Far more than there are bulk statements.
COMPILED_STATEMENTS = 1024


@dataclass(frozen=True, slots=True)
class Result:
    """The rows that a statement returned, with values of the driver's types, and the number of rows it matched."""

    rows: Sequence[Sequence[Any]]
    rowcount: int


def run_packet(connection: Connection, statements: Sequence[tuple[Sql, Mapping[str, object]]]) -> list[Result]:
    """Run statements with their parameters in order, in one round trip if the database is a server.

    A transaction must be open. Raises DBAPIError; the statements before the one that failed have been run.
    """
    if connection.dialect.name == "sqlite":
        return [_run(connection, sql, parameters) for sql, parameters in statements]
    texts: list[str] = []
    values: list[object] = []
    for sql, parameters in statements:
        text, names = _compiled(sql, connection.dialect)
        texts.append(text)
        values += [parameters[name] for name in names]
    return _send(connection, SEPARATOR.join(texts), values, len(texts))


def _run(connection: Connection, sql: Sql, parameters: Mapping[str, object]) -> Result:
    result = connection.execute(sql, parameters)
    return Result(result.all() if result.returns_rows else (), result.rowcount)


def _send(connection: Connection, sql: str, values: Sequence[object], count: int) -> list[Result]:
    """Send a packet of ``count`` statements. SQLAlchemy reads several results only through the driver's cursor."""
    driver = connection.dialect.loaded_dbapi
    try:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, values)
            results = [Result(cursor.fetchall(), cursor.rowcount)]
            for _ in range(count - 1):
                cursor.nextset()
                results.append(Result(cursor.fetchall(), cursor.rowcount))
        finally:
            cursor.close()
    except driver.Error as error:
        kind = DataError if isinstance(error, driver.DataError) else DBAPIError
        # Without the parameters, which are comments.
        raise kind(None, None, error, hide_parameters=True) from error
    return results


@lru_cache(COMPILED_STATEMENTS)
def _compiled(sql: Sql, dialect: Dialect) -> tuple[str, Sequence[str]]:
    """Return a statement for the driver, and the names of its parameters in order."""
    compiled = sql.compile(dialect=dialect)
    return compiled.string, tuple(compiled.positiontup or ())
