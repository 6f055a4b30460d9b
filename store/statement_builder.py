"""Build bulk statements in two dialects: JSON_TABLE for MySQL and MariaDB, json_each for SQLite.

A statement takes its rows as one parameter, a JSON array of arrays, so the number of statements does not depend on the
size of a batch, and statements are compiled once. Within a statement the rows are the derived table ``new``. Bytes are
passed as base64, and so is the whole parameter except on SQLite: MySQL's driver escapes strings character by character,
which takes six times as long.

Callers pass rows as mappings by column.
"""

# ruff: noqa: S608  (statements are built once, from table definitions only; every value is a parameter)

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import Boolean, Column, Integer, LargeBinary, Table, TextClause, TextualSelect, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from store import tables
from store.rows import values_by
from store.types import ExactString, UtcDateTime, exact_collation, is_mariadb, time_text

Fields = Mapping[str, TypeEngine[Any]]

Values = Mapping[str, object]

# The columns that identify a comment.
IDENTITY = ("platform", "id")


def types_of(table: Table, names: Iterable[str]) -> dict[str, TypeEngine[Any]]:
    """Return the types of columns by name."""
    return {name: table.c[name].type for name in names}


@dataclass(frozen=True, slots=True)
class TupleRows:
    """Rows with a value for each of ``columns``, without datetimes: faster than mappings for hundreds of rows."""

    columns: Sequence[str]
    rows: Sequence[tuple[object, ...]]


class Rows:
    """Serialises rows as the JSON parameter of a statement, in base64 if ``base64``."""

    def __init__(self, fields: Fields, *, base64: bool) -> None:
        self._columns = tuple(fields)
        self._values = values_by(fields)
        self._times = [at for at, kind in enumerate(fields.values()) if isinstance(kind, UtcDateTime)]
        self._base64 = base64

    def document(self, rows: Iterable[Values] | TupleRows) -> str:
        """Return the rows as a JSON array of arrays. Raises KeyError if a row lacks a field; other entries are ignored.

        Every database reads true and false as 1 and 0. Raises UnicodeEncodeError for a lone surrogate, and ValueError
        for tuples of other columns.
        """
        if not isinstance(rows, TupleRows):
            document = _json(list(map(self._with_times, map(self._values, rows))))
        elif tuple(rows.columns) == self._columns:
            document = _json(rows.rows)
        else:
            raise ValueError(f"the rows have the columns {', '.join(rows.columns)}, not {', '.join(self._columns)}")
        return base64.b64encode(document).decode() if self._base64 else document.decode()

    def _with_times(self, row: tuple[Any, ...]) -> Sequence[object]:
        """Write datetimes as text."""
        if not self._times:
            return row
        values = list(row)
        for at in self._times:
            values[at] = None if values[at] is None else time_text(values[at])
        return values


def _json(rows: Sequence[object]) -> bytes:
    """Serialise rows as UTF-8, four times as fast as ``json``. Raises UnicodeEncodeError."""
    try:
        return to_json(rows)
    except PydanticSerializationError as error:
        # Lone surrogates are the only strings that cannot be encoded; ``json`` finds them.
        json.dumps(rows, ensure_ascii=False).encode()
        raise ValueError(f"a row cannot be serialised: {error}") from error


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, its row format, None for one without rows, and, for a query, the columns that it returns."""

    sql: TextClause | TextualSelect
    rows: Rows | None
    columns: Sequence[str] = ()


class StatementBuilder:
    """Builds bulk statements for one kind of database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sqlite = dialect.name == "sqlite"
        self.quote = dialect.identifier_preparer.quote
        # The given rows come first in every join, so that table rows are locked in the given order.
        self.join = "CROSS JOIN" if self._sqlite else "STRAIGHT_JOIN"
        # MySQL cannot lock rows of JSON_TABLE and needs the table named; MariaDB does not support OF.
        self.for_update = "FOR UPDATE" if is_mariadb(dialect) else "FOR UPDATE OF old"
        self.for_share = "" if self._sqlite else "LOCK IN SHARE MODE" if is_mariadb(dialect) else "FOR SHARE"

    def rows(self, fields: Fields) -> Rows:
        """Return the serialiser of a statement's rows."""
        return Rows(fields, base64=not self._sqlite)

    def source(self, fields: Fields, rows: str = ":rows") -> str:
        """Return the derived table ``new``: the fields in order, and ``position``, counted from 1."""
        if self._sqlite:
            columns = [f"json_extract(value, '$[{i}]') AS {self.quote(name)}" for i, name in enumerate(fields)]
            return f"(SELECT key + 1 AS position, {', '.join(columns)} FROM json_each({rows})) AS new"
        columns = [
            f"{self.quote(name)} {self._json_type(kind)} PATH '$[{i}]' ERROR ON ERROR"
            for i, (name, kind) in enumerate(fields.items())
        ]
        document = f"CONVERT(FROM_BASE64({rows}) USING utf8mb4)"
        return f"JSON_TABLE({document}, '$[*]' COLUMNS (position FOR ORDINALITY, {', '.join(columns)})) AS new"

    def _json_type(self, kind: TypeEngine[Any]) -> str:
        """Return a field's type within JSON_TABLE.

        Strings are one character wider than their column: MariaDB silently truncates here, and only a string that is
        still too long makes the INSERT fail.
        """
        if isinstance(kind, ExactString):
            collation = f"CHARACTER SET utf8mb4 COLLATE {exact_collation(self._dialect)}"
            return f"VARCHAR({kind.length + 1}) {collation}" if kind.length else f"LONGTEXT {collation}"
        if isinstance(kind, LargeBinary):
            return "LONGTEXT"
        if isinstance(kind, Boolean):
            return "TINYINT"
        if isinstance(kind, Integer):
            return "BIGINT"
        return kind.compile(dialect=self._dialect)

    def value(self, column: Column[Any]) -> str:
        """Return the expression for a column's new value, either of the row or shared by the statement."""
        if "shared" in column.info:
            return str(column.info["shared"])
        value = f"new.{self.quote(column.name)}"
        return f"from_base64({value})" if isinstance(column.type, LargeBinary) else value

    def matching(self, alias: str, columns: Sequence[Column[Any]]) -> str:
        """Return the condition that a table row has the given row's values in ``columns``."""
        return " AND ".join(f"{alias}.{self.quote(column.name)} = {self.value(column)}" for column in columns)

    def insert(self, table: Table, columns: Sequence[str], conflict: Mapping[str, str] | None = None) -> Statement:
        """Insert rows; on a unique-key conflict set the columns of ``conflict``, where ``{given}`` is the new value."""
        names = ", ".join(self.quote(name) for name in columns)
        values = ", ".join(self.value(table.c[name]) for name in columns)
        fields = {name: table.c[name].type for name in columns if "shared" not in table.c[name].info}
        head = f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {self.source(fields)}"
        if conflict is None:
            return Statement(text(head), self.rows(fields))
        settings = ", ".join(
            f"{self.quote(name)} = {how.format(given=self.new_value(table.c[name]))}" for name, how in conflict.items()
        )
        tail = f"WHERE true ON CONFLICT DO UPDATE SET {settings}"
        if not self._sqlite:
            tail = f"ON DUPLICATE KEY UPDATE {settings}"
        return Statement(text(f"{head} {tail}"), self.rows(fields))

    def new_value(self, column: Column[Any]) -> str:
        """Return the expression for a row's new value of a column in an insert's conflict clause."""
        return f"excluded.{self.quote(column.name)}" if self._sqlite else self.value(column)

    def delete(self, table: Table, columns: Sequence[str], condition: str = "true") -> Statement:
        """Delete the rows whose ``columns`` match the given rows and for which ``condition`` is true."""
        keys = [table.c[name] for name in columns]
        fields = {column.name: column.type for column in keys}
        source = self.source(fields)
        if self._sqlite:
            names = ", ".join(self.quote(column.name) for column in keys)
            values = ", ".join(self.value(column) for column in keys)
            chosen = f"({names}) IN (SELECT {values} FROM {source})"
            return Statement(text(f"DELETE FROM {table.name} WHERE {chosen} AND {condition}"), self.rows(fields))
        joined = f"{source} {self.join} {table.name} AS old ON {self.matching('old', keys)}"
        return Statement(text(f"DELETE old FROM {joined} WHERE {condition}"), self.rows(fields))

    def update(
        self, table: Table, keys: Sequence[str], fields: Fields, settings: Mapping[str, str], when: str
    ) -> Statement:
        """Update the rows whose ``keys`` match the given rows and for which ``when`` is true; ``old`` is the row."""
        source = self.source(fields)
        match = self.matching("old", [table.c[name] for name in keys])
        if self._sqlite:
            assigned = ", ".join(f"{self.quote(name)} = {value}" for name, value in settings.items())
            statement = f"UPDATE {table.name} AS old SET {assigned} FROM {source} WHERE {match} AND {when}"
            return Statement(text(statement), self.rows(fields))
        assigned = ", ".join(f"old.{self.quote(name)} = {value}" for name, value in settings.items())
        statement = f"UPDATE {source} {self.join} {table.name} AS old ON {match} AND {when} SET {assigned}"
        return Statement(text(statement), self.rows(fields))

    def select(self, table: Table, keys: Sequence[str], columns: Sequence[str], when: str, lock: bool) -> Statement:
        """Read ``position`` and ``columns`` of rows whose ``keys`` match given rows and for which ``when`` is true."""
        names = ", ".join(f"old.{self.quote(name)}" for name in columns)
        lock_clause = self.for_update if lock and not self._sqlite else ""
        statement = f"SELECT new.position, {names} FROM {self._joined(table, keys)} WHERE {when} {lock_clause}"
        returned: Fields = {"position": Integer(), **types_of(table, columns)}
        return Statement(text(statement).columns(**returned), self.rows(types_of(table, keys)), tuple(returned))

    def collect(self, table: Table, keys: Sequence[str], columns: Sequence[str], when: str, rows: str = ":rows") -> str:
        """Like ``select``, but return one JSON array of [position, value ...]: the driver, written in Python, takes ten
        times as long to read hundreds of rows as to read one."""
        values = "".join(f", old.{self.quote(name)}" for name in columns)
        gather = "json_group_array" if self._sqlite else "JSON_ARRAYAGG"
        return f"SELECT {gather}(JSON_ARRAY(new.position{values})) FROM {self._joined(table, keys, rows)} WHERE {when}"

    def collect_texts(self, values: str, when: str, *, lock: bool = False) -> Statement:
        """Return ``values`` of the comments with the given identities, as one JSON array; ``new.text`` is given."""
        fields = types_of(tables.comments, (*IDENTITY, "text"))
        identity = [tables.comments.c[name] for name in IDENTITY]
        gather = "json_group_array" if self._sqlite else "JSON_ARRAYAGG"
        joined = f"{self.source(fields)} {self.join} comments AS old ON {self.matching('old', identity)}"
        lock_clause = self.for_update if lock and not self._sqlite else ""
        return Statement(text(f"SELECT {gather}({values}) FROM {joined} {when} {lock_clause}"), self.rows(fields))

    def _joined(self, table: Table, keys: Sequence[str], rows: str = ":rows") -> str:
        matched = [table.c[name] for name in keys]
        source = self.source({column.name: column.type for column in matched}, rows)
        return f"{source} {self.join} {table.name} AS old ON {self.matching('old', matched)}"
