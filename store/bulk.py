"""Bulk statements, in two dialects: JSON_TABLE for MySQL and MariaDB, json_each for SQLite.

A statement takes its rows as one parameter, a JSON array of arrays, so the number of statements does not depend on the
size of a batch, and statements are compiled once. Within a statement the rows are the derived table ``new``. Bytes are
passed as base64, and so is the whole parameter except on SQLite: MySQL's driver escapes strings character by character,
which takes six times as long.

Callers pass rows as mappings by column. The columns and their types come from the tables and from the dataclasses in
batch.py.
"""

# ruff: noqa: S608  (statements are built once, from table definitions only; every value is a parameter)

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, TextClause, TextualSelect, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from store import model_tables, relabel_tables, review_tables, tables
from store.rows import CONTENT_COLUMNS, PREDICTION_COLUMNS, values_by
from store.types import ExactString, UtcDateTime, exact_collation, is_mariadb, time_text

Fields = Mapping[str, TypeEngine[Any]]

Values = Mapping[str, object]


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
        returned: Fields = {"position": Integer(), **_types(table, columns)}
        return Statement(text(statement).columns(**returned), self.rows(_types(table, keys)), tuple(returned))

    def collect(self, table: Table, keys: Sequence[str], columns: Sequence[str], when: str, rows: str = ":rows") -> str:
        """Like ``select``, but return one JSON array of [position, value ...]: the driver, written in Python, takes ten
        times as long to read hundreds of rows as to read one."""
        values = "".join(f", old.{self.quote(name)}" for name in columns)
        gather = "json_group_array" if self._sqlite else "JSON_ARRAYAGG"
        return f"SELECT {gather}(JSON_ARRAY(new.position{values})) FROM {self._joined(table, keys, rows)} WHERE {when}"

    def collect_texts(self, values: str, when: str, *, lock: bool = False) -> Statement:
        """Return ``values`` of the comments with the given identities, as one JSON array; ``new.text`` is given."""
        fields = _types(tables.comments, (*IDENTITY, "text"))
        identity = [tables.comments.c[name] for name in IDENTITY]
        gather = "json_group_array" if self._sqlite else "JSON_ARRAYAGG"
        joined = f"{self.source(fields)} {self.join} comments AS old ON {self.matching('old', identity)}"
        lock_clause = self.for_update if lock and not self._sqlite else ""
        return Statement(text(f"SELECT {gather}({values}) FROM {joined} {when} {lock_clause}"), self.rows(fields))

    def _joined(self, table: Table, keys: Sequence[str], rows: str = ":rows") -> str:
        matched = [table.c[name] for name in keys]
        source = self.source({column.name: column.type for column in matched}, rows)
        return f"{source} {self.join} {table.name} AS old ON {self.matching('old', matched)}"


def _column_names(table: Table, *without: str) -> tuple[str, ...]:
    """Return the names of a table's columns except ``without``."""
    return tuple(column.name for column in table.c if column.name not in without)


def _key(table: Table) -> tuple[str, ...]:
    """Return the column names of a table's primary key."""
    return tuple(column.name for column in table.primary_key)


def _types(table: Table, names: Iterable[str]) -> dict[str, TypeEngine[Any]]:
    return {name: table.c[name].type for name in names}


IDENTITY = ("platform", "id")
COMMENT_COLUMNS = (*IDENTITY, *CONTENT_COLUMNS, "folded_digest", "audit_rank", "stored_at", "changed_at", "claimed_by")
REVIEW_COLUMNS = ("review_number", "review_label")
# The columns of a stored comment that an event changes; a new text clears the review.
CHANGED_COLUMNS = (*CONTENT_COLUMNS, "folded_digest", "changed_at", *REVIEW_COLUMNS)
# The columns of count_sums that are sums.
SUMMED = _column_names(tables.count_sums, *_key(tables.count_sums))
DEAD_LETTER_RECORD = ("consumer_group", "topic", "partition", "offset")
# Reading a record again rewrites these columns and keeps its dead letter's state.
DEAD_LETTER_CONTENT = _column_names(tables.dead_letters, "number", *DEAD_LETTER_RECORD, *tables.DEAD_LETTER_RESOLUTION)
PARTITION_COLUMNS = (*_key(tables.partitions), "next_offset", "topic_id", "records_lost", "updated_at")
ADVANCE_FIELDS: Fields = {
    **_types(tables.partitions, _key(tables.partitions)),
    "expected": BigInteger(),
    **_types(tables.partitions, ("next_offset", "records_lost", "paused_reason")),
}
ACTIVE = f"SELECT model_number FROM active_model WHERE id = {model_tables.ACTIVE_ROW}"
HORIZON = f"SELECT horizon FROM retention WHERE id = {tables.RETENTION_ROW}"
COPY_FIELDS = _types(tables.dead_letters, ("number", "state", "latest_partition", "latest_offset", "reason", "detail"))


@dataclass(frozen=True, slots=True)
class Statements:
    """All bulk statements; those of a batch come first, in order of execution.

    Queries return ``position``, the number, from 1, of the given row that a result row belongs to.
    """

    advance: Statement
    insert_keys: Statement
    # Returns two JSON arrays, [position, number] of the keys and [position, erased_up_to] of the digests, whether any
    # comment has been erased, and the retention horizon.
    read_inserted_and_erased: Statement
    digests: Rows  # the parameter :digests of read_inserted_and_erased
    read_current: Statement
    read_predictions: Statement
    delete_comments: Statement
    write_comments: Statement
    add_versions: Statement
    delete_predictions: Statement
    write_predictions: Statement
    lock_active: Statement  # returns the number of the active model
    add_missing: Statement
    delete_dead_letters: Statement
    delete_dead_letters_by_value: Statement
    write_dead_letters: Statement
    read_dead_letters: Statement
    resolve_dead_letters: Statement
    write_erasures: Statement
    add_comment_counts: Statement
    delete_zero_comment_counts: Statement
    add_counts: Statement
    delete_zero_counts: Statement
    add_sums: Statement
    delete_zero_sums: Statement
    add_reviews: Statement
    set_review: Statement
    add_reviewer_counts: Statement
    delete_zero_reviewer_counts: Statement
    add_blind_decisions: Statement
    add_disputes: Statement
    add_pairs: Statement
    delete_zero_pairs: Statement
    add_patterns: Statement
    delete_zero_patterns: Statement
    add_claims: Statement
    # Returns a JSON array of the positions of the comments whose text is stored and lacks the prediction of :model.
    read_unlabelled: Statement
    # Returns a JSON array of [position, number, whether the text is stored, created_at, review_label].
    lock_texts: Statement
    # Returns a JSON array of [position, model_number, label], for :model and :other.
    read_labels: Statement
    advance_parts: Statement
    begin_partition: Statement
    seek_partition: Statement
    add_model: Statement
    add_key_check: Statement


def write_statements(dialect: Dialect) -> Statements:
    """Build the statements for the database that ``dialect`` is connected to."""
    build = StatementBuilder(dialect)
    given = "{given}"
    comments, predictions, letters = tables.comments, tables.predictions, tables.dead_letters
    hourly, sums, work = tables.hourly_counts, tables.count_sums, tables.reviewer_counts
    every = tables.comment_counts
    pairs, patterns = review_tables.agreement_pairs, review_tables.agreement_patterns
    blind, disputes = review_tables.blind_decisions, review_tables.disputes
    identity = _types(comments, IDENTITY)
    digest = _types(tables.erasures, ["digest"])
    own = ["comment_number"]
    labels = build.collect(predictions, own, ["model_number", "label"], "old.model_number IN (:model, :other)")
    inserted = build.collect(comments, IDENTITY, ["number"], "old.claimed_by = :token")
    # A blind decision is also a review: a text that lost its review has no blind decision.
    review = build.new_value(comments.c.review_number)
    keep_blind_label = f"CASE WHEN {review} IS NULL THEN NULL ELSE comments.blind_label END"
    erased = build.collect(tables.erasures, ["digest"], ["erased_up_to"], "true", rows=":digests")
    return Statements(
        advance=build.update(
            tables.partitions,
            _key(tables.partitions),
            ADVANCE_FIELDS,
            {
                "next_offset": "new.next_offset",
                "records_lost": "old.records_lost + new.records_lost",
                "paused_reason": "COALESCE(old.paused_reason, new.paused_reason)",
                "paused_at": "COALESCE(old.paused_at, CASE WHEN new.paused_reason IS NOT NULL THEN :now END)",
                "updated_at": ":now",
            },
            "old.next_offset = new.expected",
        ),
        insert_keys=build.insert(comments, COMMENT_COLUMNS, {"claimed_by": "comments.claimed_by"}),
        read_inserted_and_erased=Statement(
            text(f"SELECT ({inserted}), ({erased}), EXISTS (SELECT 1 FROM erasures), ({HORIZON})"), build.rows(identity)
        ),
        digests=build.rows(digest),
        read_current=build.select(
            comments, IDENTITY, ["number", *REVIEW_COLUMNS, *CONTENT_COLUMNS], "old.claimed_by <> :token", lock=True
        ),
        read_predictions=build.select(
            predictions, ["comment_number"], [*_key(predictions), *PREDICTION_COLUMNS], "true", lock=False
        ),
        delete_comments=build.delete(comments, ["number"]),
        write_comments=build.insert(
            comments,
            ("number", *REVIEW_COLUMNS, *COMMENT_COLUMNS),
            {**dict.fromkeys(CHANGED_COLUMNS, given), "blind_label": keep_blind_label},
        ),
        add_versions=build.insert(tables.comment_versions, _column_names(tables.comment_versions, "number")),
        delete_predictions=build.delete(predictions, _key(predictions)),
        write_predictions=build.insert(
            predictions,
            _column_names(predictions),
            dict.fromkeys(_column_names(predictions, *_key(predictions)), given),
        ),
        lock_active=Statement(text(f"{ACTIVE} {build.for_share}"), None),
        # A new text ends the lease on the old one.
        add_missing=build.insert(
            model_tables.missing_predictions, ("comment_number", "added_at"), {"claimed_until": "NULL"}
        ),
        delete_dead_letters=build.delete(letters, ["key_digest"]),
        delete_dead_letters_by_value=build.delete(letters, ["comment_digest"]),
        write_dead_letters=build.insert(
            letters, (*DEAD_LETTER_RECORD, *DEAD_LETTER_CONTENT), dict.fromkeys(DEAD_LETTER_CONTENT, given)
        ),
        read_dead_letters=build.select(letters, ["number"], ["consumer_group", "topic"], "true", lock=False),
        resolve_dead_letters=build.update(
            letters,
            ["number"],
            COPY_FIELDS,
            {
                # A failed copy reopens the dead letter, unless it was discarded or another copy resolved it.
                "state": "CASE WHEN new.state = 'resolved' THEN new.state "
                "WHEN old.state = 'requeued' THEN new.state ELSE old.state END",
                "settled_at": "CASE WHEN new.state = 'resolved' THEN :now ELSE old.settled_at END",
                "latest_partition": "new.latest_partition",
                "latest_offset": "new.latest_offset",
                "reason": "COALESCE(new.reason, old.reason)",
                "detail": "COALESCE(new.detail, old.detail)",
            },
            "true",
        ),
        write_erasures=build.insert(
            tables.erasures,
            _column_names(tables.erasures),
            dict.fromkeys(_column_names(tables.erasures, "digest"), given),
        ),
        add_comment_counts=build.insert(every, _column_names(every), {"n": f"comment_counts.n + {given}"}),
        delete_zero_comment_counts=build.delete(every, _key(every), "n = 0"),
        add_counts=build.insert(hourly, _column_names(hourly), {"n": f"hourly_counts.n + {given}"}),
        delete_zero_counts=build.delete(hourly, _key(hourly), "n = 0"),
        add_sums=build.insert(sums, _column_names(sums), {name: f"count_sums.{name} + {given}" for name in SUMMED}),
        # No positive and no negative label means no comments.
        delete_zero_sums=build.delete(sums, _key(sums), "positive = 0 AND negative = 0"),
        add_reviews=build.insert(tables.reviews, _column_names(tables.reviews, "number")),
        set_review=build.update(
            comments,
            ["number"],
            _types(comments, ("number", *REVIEW_COLUMNS)),
            {name: f"new.{name}" for name in REVIEW_COLUMNS},
            "true",
        ),
        add_reviewer_counts=build.insert(work, _column_names(work), {"n": f"reviewer_counts.n + {given}"}),
        delete_zero_reviewer_counts=build.delete(work, _key(work), "n = 0"),
        add_blind_decisions=build.insert(blind, _column_names(blind, "number")),
        add_disputes=build.insert(disputes, _column_names(disputes), {"review_number": given}),
        add_pairs=build.insert(pairs, _column_names(pairs), {"n": f"agreement_pairs.n + {given}"}),
        delete_zero_pairs=build.delete(pairs, _key(pairs), "n = 0"),
        add_patterns=build.insert(patterns, _column_names(patterns), {"n": f"agreement_patterns.n + {given}"}),
        delete_zero_patterns=build.delete(patterns, _key(patterns), "n = 0"),
        add_claims=build.insert(
            tables.review_claims, _column_names(tables.review_claims), {"claimed_until": "review_claims.claimed_until"}
        ),
        read_unlabelled=build.collect_texts(
            "new.position",
            "LEFT JOIN predictions ON comment_number = old.number AND model_number = :model "
            "WHERE comment_number IS NULL AND old.text = new.text",
        ),
        lock_texts=build.collect_texts(
            "JSON_ARRAY(new.position, old.number, old.text = new.text, old.created_at, old.review_label)", "", lock=True
        ),
        read_labels=Statement(text(labels), build.rows(_types(predictions, own))),
        advance_parts=build.update(
            relabel_tables.relabel_parts,
            _key(relabel_tables.relabel_parts),
            {name: BigInteger() for name in (*_key(relabel_tables.relabel_parts), "expected", "next_position")},
            {"next_position": "new.next_position"},
            "old.next_position = new.expected",
        ),
        begin_partition=build.insert(tables.partitions, PARTITION_COLUMNS, {"updated_at": "partitions.updated_at"}),
        seek_partition=build.insert(
            tables.partitions, PARTITION_COLUMNS, dict.fromkeys(("next_offset", "topic_id", "updated_at"), given)
        ),
        add_model=build.insert(
            tables.models,
            ("sha256", "name", "uncertain_low", "uncertain_high", "registered_at"),
            {"name": "models.name"},
        ),
        add_key_check=build.insert(tables.key_checks, _column_names(tables.key_checks), {"name": "key_checks.name"}),
    )
