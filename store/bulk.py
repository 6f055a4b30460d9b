"""The statements that move many rows at once, in two forms: JSON_TABLE for MySQL and MariaDB, json_each for SQLite.

Each takes its rows as one parameter: a JSON array of arrays. So a batch costs the same number of statements whatever
its size, and nothing is compiled anew. In a statement the rows are the derived table ``new``. Bytes travel as base64.

Callers pass rows as mappings by column. Which columns a statement has, and their types, comes from the tables and from
the dataclasses of batch.py.
"""

# ruff: noqa: S608  (the statements are built from the tables' definitions alone, once; every value is a parameter)

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, TextClause, TextualSelect, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from store import tables
from store.rows import CONTENT_COLUMNS, PREDICTION_COLUMNS, values_by
from store.types import ExactString, exact_collation, is_mariadb, time_text

Fields = Mapping[str, TypeEngine[Any]]

Values = Mapping[str, object]
# Without the search for circles, which rows do not have, it takes half the time.
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=time_text, check_circular=False)


class Rows:
    """Writes rows of some fields as the JSON that a statement takes them from."""

    def __init__(self, fields: Fields) -> None:
        self._values = values_by(fields)

    def document(self, rows: Iterable[Values]) -> str:
        """The rows as a JSON array of arrays; true and false become 1 and 0 in every database. Raises KeyError where a
        row lacks a field; what else it has is left out."""
        return ENCODER.encode(list(map(self._values, rows)))


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, the rows that it takes and, of a query, the columns that it answers."""

    sql: TextClause | TextualSelect
    rows: Rows
    answers: Sequence[str] = ()  # the columns of what a query answers


class Form:
    """Writes bulk statements for one kind of database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sqlite = dialect.name == "sqlite"
        self.quote = dialect.identifier_preparer.quote
        # The rows come first in every join, so that rows are locked in their order.
        self.join = "CROSS JOIN" if self._sqlite else "STRAIGHT_JOIN"
        # MySQL wants to be told that it cannot lock the given rows; MariaDB has no word for that, and needs none.
        self.for_update = "FOR UPDATE" if is_mariadb(dialect) else "FOR UPDATE OF old"

    def source(self, fields: Fields, rows: str = ":rows") -> str:
        """The derived table ``new``: the fields in their order, and ``position``, which begins at 1."""
        if self._sqlite:
            columns = [f"json_extract(value, '$[{i}]') AS {self.quote(name)}" for i, name in enumerate(fields)]
            return f"(SELECT key + 1 AS position, {', '.join(columns)} FROM json_each({rows})) AS new"
        columns = [
            f"{self.quote(name)} {self._json_type(kind)} PATH '$[{i}]' ERROR ON ERROR"
            for i, (name, kind) in enumerate(fields.items())
        ]
        return f"JSON_TABLE({rows}, '$[*]' COLUMNS (position FOR ORDINALITY, {', '.join(columns)})) AS new"

    def _json_type(self, kind: TypeEngine[Any]) -> str:
        """The type that a field has within JSON_TABLE. Strings get room for one more character than their column:
        MariaDB cuts what is too long here in silence, and only the insertion that follows refuses it."""
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

    def given(self, column: Column[Any]) -> str:
        """The value that a row, or the statement for all rows, gives for a column."""
        if "shared" in column.info:
            return str(column.info["shared"])
        value = f"new.{self.quote(column.name)}"
        return f"from_base64({value})" if isinstance(column.type, LargeBinary) else value

    def matching(self, alias: str, columns: Sequence[Column[Any]]) -> str:
        """The condition under which a table's row is the one that the given row names."""
        return " AND ".join(f"{alias}.{self.quote(column.name)} = {self.given(column)}" for column in columns)

    def insert(self, table: Table, columns: Sequence[str], conflict: Mapping[str, str] | None = None) -> Statement:
        """Insert rows; on a conflict with a unique key set ``conflict``'s columns, where ``{given}`` stands for the
        value that the row gives."""
        names = ", ".join(self.quote(name) for name in columns)
        values = ", ".join(self.given(table.c[name]) for name in columns)
        fields = {name: table.c[name].type for name in columns if "shared" not in table.c[name].info}
        head = f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {self.source(fields)}"
        if conflict is None:
            return Statement(text(head), Rows(fields))
        settings = ", ".join(
            f"{self.quote(name)} = {how.format(given=self.conflicting(table.c[name]))}"
            for name, how in conflict.items()
        )
        tail = f"WHERE true ON CONFLICT DO UPDATE SET {settings}"
        if not self._sqlite:
            tail = f"ON DUPLICATE KEY UPDATE {settings}"
        return Statement(text(f"{head} {tail}"), Rows(fields))

    def conflicting(self, column: Column[Any]) -> str:
        """The value that a row gives for a column, as an insert's conflict clause names it."""
        return f"excluded.{self.quote(column.name)}" if self._sqlite else self.given(column)

    def delete(self, table: Table, columns: Sequence[str], condition: str = "true") -> Statement:
        """Delete the rows whose ``columns`` equal those given, where ``condition`` holds."""
        keys = [table.c[name] for name in columns]
        fields = {column.name: column.type for column in keys}
        source = self.source(fields)
        if self._sqlite:
            names = ", ".join(self.quote(column.name) for column in keys)
            values = ", ".join(self.given(column) for column in keys)
            chosen = f"({names}) IN (SELECT {values} FROM {source})"
            return Statement(text(f"DELETE FROM {table.name} WHERE {chosen} AND {condition}"), Rows(fields))
        joined = f"{source} {self.join} {table.name} AS gone ON {self.matching('gone', keys)}"
        return Statement(text(f"DELETE gone FROM {joined} WHERE {condition}"), Rows(fields))

    def update(
        self, table: Table, keys: Sequence[str], fields: Fields, settings: Mapping[str, str], when: str
    ) -> Statement:
        """Update the rows whose ``keys`` equal those given, where ``when`` holds; the row that stands is ``old``."""
        source = self.source(fields)
        match = self.matching("old", [table.c[name] for name in keys])
        if self._sqlite:
            assigned = ", ".join(f"{self.quote(name)} = {value}" for name, value in settings.items())
            statement = f"UPDATE {table.name} AS old SET {assigned} FROM {source} WHERE {match} AND {when}"
            return Statement(text(statement), Rows(fields))
        assigned = ", ".join(f"old.{self.quote(name)} = {value}" for name, value in settings.items())
        statement = f"UPDATE {source} {self.join} {table.name} AS old ON {match} AND {when} SET {assigned}"
        return Statement(text(statement), Rows(fields))

    def select(self, table: Table, keys: Sequence[str], columns: Sequence[str], when: str, lock: bool) -> Statement:
        """Read ``position`` and ``columns`` of the rows whose ``keys`` equal those given, where ``when`` holds."""
        names = ", ".join(f"old.{self.quote(name)}" for name in columns)
        lock_clause = self.for_update if lock and not self._sqlite else ""
        statement = f"SELECT new.position, {names} FROM {self._joined(table, keys)} WHERE {when} {lock_clause}"
        answers: Fields = {"position": Integer(), **_types(table, columns)}
        return Statement(text(statement).columns(**answers), Rows(_types(table, keys)), tuple(answers))

    def collect(self, table: Table, keys: Sequence[str], column: str, when: str, rows: str = ":rows") -> str:
        """As ``select``, the whole answer as one JSON array of [position, value]: reading hundreds of rows costs the
        driver, which is written in Python, ten times as much as reading one."""
        pair = f"JSON_ARRAY(new.position, old.{self.quote(column)})"
        gather = "json_group_array" if self._sqlite else "JSON_ARRAYAGG"
        return f"SELECT {gather}({pair}) FROM {self._joined(table, keys, rows)} WHERE {when}"

    def _joined(self, table: Table, keys: Sequence[str], rows: str = ":rows") -> str:
        matched = [table.c[name] for name in keys]
        source = self.source({column.name: column.type for column in matched}, rows)
        return f"{source} {self.join} {table.name} AS old ON {self.matching('old', matched)}"


def _names(table: Table, *without: str) -> tuple[str, ...]:
    """The names of a table's columns, but for ``without``."""
    return tuple(column.name for column in table.c if column.name not in without)


def _key(table: Table) -> tuple[str, ...]:
    """The names of the columns of a table's primary key."""
    return tuple(column.name for column in table.primary_key)


def _types(table: Table, names: Iterable[str]) -> dict[str, TypeEngine[Any]]:
    return {name: table.c[name].type for name in names}


IDENTITY = ("platform", "id")
COMMENT_COLUMNS = (*IDENTITY, *CONTENT_COLUMNS, "audit_rank", "stored_at", "changed_at", "claimed_by")
REVIEW_COLUMNS = ("review_number", "review_label")
# What an event changes of a comment that stands; a new text takes the review away.
CHANGED_COLUMNS = (*CONTENT_COLUMNS, "changed_at", *REVIEW_COLUMNS)
# The columns of count_sums that are sums.
SUMMED = _names(tables.count_sums, *_key(tables.count_sums))
LETTER_PLACE = ("consumer_group", "topic", "partition", "offset")
# What people and copies do to a letter stays when its record is read again.
LETTER_CONTENT = _names(tables.dead_letters, "number", *LETTER_PLACE, *tables.DEAD_LETTER_RESOLUTION)
PARTITION_COLUMNS = (*_key(tables.partitions), "next_offset", "topic_id", "records_lost", "updated_at")
ADVANCE_FIELDS: Fields = {
    **_types(tables.partitions, _key(tables.partitions)),
    "expected": BigInteger(),
    **_types(tables.partitions, ("next_offset", "records_lost", "paused_reason")),
}
COPY_FIELDS = _types(tables.dead_letters, ("number", "state", "latest_partition", "latest_offset", "reason", "detail"))


@dataclass(frozen=True, slots=True)
class Statements:
    """Every statement that is written here, a batch's first and in their order. A query answers rows with ``position``,
    from 1, that of the row that it answers."""

    advance: Statement
    claim: Statement
    own_and_erased: Statement  # two JSON arrays: [position, number] and, of the digests, [position, erased_up_to]
    digests: Rows  # what the statement before takes as :digests
    standing: Statement
    predictions_of: Statement
    delete_comments: Statement
    write_comments: Statement
    add_versions: Statement
    delete_predictions: Statement
    write_predictions: Statement
    delete_letters: Statement
    write_letters: Statement
    dead_letters_of: Statement
    resolve_dead_letters: Statement
    write_erasures: Statement
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
    begin_partition: Statement
    seek_partition: Statement
    add_model: Statement
    add_key_check: Statement


def write_statements(dialect: Dialect) -> Statements:
    """The statements for the database that ``dialect`` is connected to."""
    form = Form(dialect)
    given = "{given}"
    comments, predictions, letters = tables.comments, tables.predictions, tables.dead_letters
    hourly, sums, work = tables.hourly_counts, tables.count_sums, tables.reviewer_counts
    pairs, patterns = tables.agreement_pairs, tables.agreement_patterns
    identity = _types(comments, IDENTITY)
    digest = _types(tables.erasures, ["digest"])
    own = form.collect(comments, IDENTITY, "number", "old.claimed_by = :token")
    # A blind decision is also a review: a text that lost its review has no blind decision.
    review = form.conflicting(comments.c.review_number)
    keep_blind_label = f"CASE WHEN {review} IS NULL THEN NULL ELSE comments.blind_label END"
    erased = form.collect(tables.erasures, ["digest"], "erased_up_to", "true", rows=":digests")
    return Statements(
        advance=form.update(
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
        claim=form.insert(comments, COMMENT_COLUMNS, {"claimed_by": "comments.claimed_by"}),
        own_and_erased=Statement(text(f"SELECT ({own}), ({erased})"), Rows(identity)),
        digests=Rows(digest),
        standing=form.select(
            comments, IDENTITY, ["number", *REVIEW_COLUMNS, *CONTENT_COLUMNS], "old.claimed_by <> :token", lock=True
        ),
        predictions_of=form.select(
            predictions, ["comment_number"], [*_key(predictions), *PREDICTION_COLUMNS], "true", lock=False
        ),
        delete_comments=form.delete(comments, ["number"]),
        write_comments=form.insert(
            comments,
            ("number", *REVIEW_COLUMNS, *COMMENT_COLUMNS),
            {**dict.fromkeys(CHANGED_COLUMNS, given), "blind_label": keep_blind_label},
        ),
        add_versions=form.insert(tables.comment_versions, _names(tables.comment_versions, "number")),
        delete_predictions=form.delete(predictions, _key(predictions)),
        write_predictions=form.insert(
            predictions, _names(predictions), dict.fromkeys(_names(predictions, *_key(predictions)), given)
        ),
        delete_letters=form.delete(letters, ["key_digest"]),
        write_letters=form.insert(letters, (*LETTER_PLACE, *LETTER_CONTENT), dict.fromkeys(LETTER_CONTENT, given)),
        dead_letters_of=form.select(letters, ["number"], ["consumer_group", "topic"], "true", lock=False),
        resolve_dead_letters=form.update(
            letters,
            ["number"],
            COPY_FIELDS,
            {
                # A copy that fails gives the letter back to people, unless they or another copy have settled it.
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
        write_erasures=form.insert(
            tables.erasures, _names(tables.erasures), dict.fromkeys(_names(tables.erasures, "digest"), given)
        ),
        add_counts=form.insert(hourly, _names(hourly), {"n": f"hourly_counts.n + {given}"}),
        delete_zero_counts=form.delete(hourly, _key(hourly), "n = 0"),
        add_sums=form.insert(sums, _names(sums), {name: f"count_sums.{name} + {given}" for name in SUMMED}),
        # Without a positive or a negative there is no comment.
        delete_zero_sums=form.delete(sums, _key(sums), "positive = 0 AND negative = 0"),
        add_reviews=form.insert(tables.reviews, _names(tables.reviews, "number")),
        set_review=form.update(
            comments,
            ["number"],
            _types(comments, ("number", *REVIEW_COLUMNS)),
            {name: f"new.{name}" for name in REVIEW_COLUMNS},
            "true",
        ),
        add_reviewer_counts=form.insert(work, _names(work), {"n": f"reviewer_counts.n + {given}"}),
        delete_zero_reviewer_counts=form.delete(work, _key(work), "n = 0"),
        add_blind_decisions=form.insert(tables.blind_decisions, _names(tables.blind_decisions, "number")),
        add_disputes=form.insert(tables.disputes, _names(tables.disputes), {"review_number": given}),
        add_pairs=form.insert(pairs, _names(pairs), {"n": f"agreement_pairs.n + {given}"}),
        delete_zero_pairs=form.delete(pairs, _key(pairs), "n = 0"),
        add_patterns=form.insert(patterns, _names(patterns), {"n": f"agreement_patterns.n + {given}"}),
        delete_zero_patterns=form.delete(patterns, _key(patterns), "n = 0"),
        add_claims=form.insert(
            tables.review_claims, _names(tables.review_claims), {"claimed_until": "review_claims.claimed_until"}
        ),
        begin_partition=form.insert(tables.partitions, PARTITION_COLUMNS, {"updated_at": "partitions.updated_at"}),
        seek_partition=form.insert(
            tables.partitions, PARTITION_COLUMNS, dict.fromkeys(("next_offset", "topic_id", "updated_at"), given)
        ),
        add_model=form.insert(tables.models, _names(tables.models, "number", "active"), {"name": "models.name"}),
        add_key_check=form.insert(tables.key_checks, _names(tables.key_checks), {"name": "key_checks.name"}),
    )
