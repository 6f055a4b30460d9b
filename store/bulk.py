"""The statements that move many rows at once, in two forms: JSON_TABLE for MySQL and MariaDB, json_each for SQLite.

Each takes its rows as one parameter: a JSON array of arrays. So a batch costs the same number of statements whatever
its size, and nothing is compiled anew. In a statement the rows are the derived table ``new``. Bytes travel as base64.
"""

# ruff: noqa: S608  (the statements are built from the tables' definitions alone, once; every value is a parameter)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, TextClause, TextualSelect, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from store import tables
from store.types import ExactString, exact_collation, is_mariadb

Fields = Mapping[str, TypeEngine[Any]]

# Columns whose value is one for all rows of a statement: the time of writing, and the batch's random number.
TIMES = (
    "stored_at",
    "changed_at",
    "predicted_at",
    "replaced_at",
    "erased_at",
    "updated_at",
    "registered_at",
    "reviewed_at",
)
SHARED = {**dict.fromkeys(TIMES, ":now"), "claimed_by": ":token"}


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
        if column.name in SHARED:
            return SHARED[column.name]
        value = f"new.{self.quote(column.name)}"
        return f"from_base64({value})" if isinstance(column.type, LargeBinary) else value

    def matching(self, alias: str, columns: Sequence[Column[Any]]) -> str:
        """The condition under which a table's row is the one that the given row names."""
        return " AND ".join(f"{alias}.{self.quote(column.name)} = {self.given(column)}" for column in columns)

    def insert(self, table: Table, columns: Sequence[str], conflict: Mapping[str, str] | None = None) -> str:
        """Insert rows; on a conflict with a unique key set ``conflict``'s columns, where ``{given}`` stands for the
        value that the row gives."""
        names = ", ".join(self.quote(name) for name in columns)
        values = ", ".join(self.given(table.c[name]) for name in columns)
        source = self.source({name: table.c[name].type for name in columns if name not in SHARED})
        head = f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {source}"
        if conflict is None:
            return head
        settings = ", ".join(
            f"{self.quote(name)} = {how.format(given=self._conflicting(table.c[name]))}"
            for name, how in conflict.items()
        )
        if self._sqlite:
            return f"{head} WHERE true ON CONFLICT DO UPDATE SET {settings}"
        return f"{head} ON DUPLICATE KEY UPDATE {settings}"

    def _conflicting(self, column: Column[Any]) -> str:
        return f"excluded.{self.quote(column.name)}" if self._sqlite else self.given(column)

    def delete(self, table: Table, columns: Sequence[str], condition: str = "true") -> str:
        """Delete the rows whose ``columns`` equal those given, where ``condition`` holds."""
        keys = [table.c[name] for name in columns]
        source = self.source({column.name: column.type for column in keys})
        if self._sqlite:
            names = ", ".join(self.quote(column.name) for column in keys)
            values = ", ".join(self.given(column) for column in keys)
            return f"DELETE FROM {table.name} WHERE ({names}) IN (SELECT {values} FROM {source}) AND {condition}"
        joined = f"{source} {self.join} {table.name} AS gone ON {self.matching('gone', keys)}"
        return f"DELETE gone FROM {joined} WHERE {condition}"

    def update(self, table: Table, keys: Sequence[str], fields: Fields, settings: Mapping[str, str], when: str) -> str:
        """Update the rows whose ``keys`` equal those given, where ``when`` holds; the row that stands is ``old``."""
        source = self.source(fields)
        match = self.matching("old", [table.c[name] for name in keys])
        if self._sqlite:
            assigned = ", ".join(f"{self.quote(name)} = {value}" for name, value in settings.items())
            return f"UPDATE {table.name} AS old SET {assigned} FROM {source} WHERE {match} AND {when}"
        assigned = ", ".join(f"old.{self.quote(name)} = {value}" for name, value in settings.items())
        return f"UPDATE {source} {self.join} {table.name} AS old ON {match} AND {when} SET {assigned}"

    def select(self, table: Table, keys: Sequence[str], columns: Sequence[str], when: str, lock: bool) -> TextualSelect:
        """Read ``position`` and ``columns`` of the rows whose ``keys`` equal those given, where ``when`` holds."""
        names = ", ".join(f"old.{self.quote(name)}" for name in columns)
        lock_clause = self.for_update if lock and not self._sqlite else ""
        statement = f"SELECT new.position, {names} FROM {self._joined(table, keys)} WHERE {when} {lock_clause}"
        return text(statement).columns(position=Integer(), **{name: table.c[name].type for name in columns})

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


COMMENT_COLUMNS = (
    "platform",
    "id",
    "text",
    "version",
    "created_at",
    "edited_at",
    "author",
    "thread",
    "stored_at",
    "audit_rank",
    "changed_at",
    "claimed_by",
)
REVIEW_COLUMNS = ("review_number", "review_label")
# What an event changes of a comment that stands; a new text takes the review away.
CHANGED_COLUMNS = ("text", "version", "created_at", "edited_at", "author", "thread", "changed_at", *REVIEW_COLUMNS)
CONTENT_COLUMNS = ("text", "version", "created_at", "edited_at", "author", "thread")
PREDICTION_COLUMNS = (
    "comment_number",
    "model_number",
    "label",
    "probability",
    "uncertain",
    "distance",
    "reviewed",
    "predicted_at",
)
VERSION_COLUMNS = ("comment_number", "version", "text", "created_at", "edited_at", "replaced_at")
COUNT_KEY = ("model_number", "platform", "hour", "label", "uncertain")
PARTITION_KEY = ("consumer_group", "topic", "partition")
SUM_KEY = ("model_number", "bucket", "platform", "begins")
SUMMED = ("positive", "negative", "uncertain", "shown_positive", "unclear", "spam", "reviewed", "corrected")
REVIEWER_COUNT_KEY = ("bucket", "begins", "reviewer_number", "model_number", "platform", "label", "reviewed_label")
GIVEN_REVIEW_COLUMNS = (
    "comment_number",
    "comment_version",
    "text",
    "label",
    "reviewer",
    "reviewer_number",
    "reason",
    "reviewed_at",
    "from_label",
    "from_source",
    "from_model_number",
    "from_model_label",
    "from_probability",
    "replaces",
    "withdraws",
)
CLAIM_COLUMNS = ("comment_number", "reviewer_number", "claimed_until")
LETTER_PLACE = ("consumer_group", "topic", "partition", "offset")
# What people and copies do to a letter stays when its record is read again.
LETTER_CONTENT = (
    "key",
    "key_digest",
    "value",
    "value_bytes",
    "headers",
    "truncated",
    "record_timestamp",
    "reason",
    "detail",
    "stored_at",
)
LETTER_COLUMNS = (*LETTER_PLACE, *LETTER_CONTENT)
COPY_FIELDS: Fields = {
    name: tables.dead_letters.c[name].type
    for name in ("number", "state", "latest_partition", "latest_offset", "reason", "detail")
}
PARTITION_COLUMNS = (*PARTITION_KEY, "next_offset", "topic_id", "records_lost", "updated_at")
MODEL_COLUMNS = ("sha256", "name", "uncertain_low", "uncertain_high", "registered_at")
ADVANCE_FIELDS: Fields = {
    **{name: tables.partitions.c[name].type for name in PARTITION_KEY},
    "expected": BigInteger(),
    **{name: tables.partitions.c[name].type for name in ("next_offset", "records_lost", "paused_reason")},
}


@dataclass(frozen=True, slots=True)
class Statements:
    """Every statement that is written here, a batch's first and in their order. Behind each: the fields of its rows
    (without the shared ones), and what it answers."""

    advance: TextClause  # ADVANCE_FIELDS
    claim: TextClause  # COMMENT_COLUMNS
    # platform, id, and in :digests digest -> two JSON arrays: [position, number] and [position, erased_up_to]
    own_and_erased: TextClause
    standing: TextualSelect  # platform, id -> position, number, REVIEW_COLUMNS, CONTENT_COLUMNS
    predictions_of: TextualSelect  # comment_number -> position, PREDICTION_COLUMNS
    delete_comments: TextClause  # number
    write_comments: TextClause  # number, REVIEW_COLUMNS, COMMENT_COLUMNS
    add_versions: TextClause  # VERSION_COLUMNS
    delete_predictions: TextClause  # comment_number, model_number
    write_predictions: TextClause  # PREDICTION_COLUMNS
    delete_letters: TextClause  # key_digest
    write_letters: TextClause  # LETTER_COLUMNS
    letters_of: TextualSelect  # number -> position, consumer_group, topic
    settle_letters: TextClause  # COPY_FIELDS
    write_erasures: TextClause  # digest, erased_up_to, erased_at
    add_counts: TextClause  # COUNT_KEY, n
    delete_zero_counts: TextClause  # COUNT_KEY
    add_sums: TextClause  # SUM_KEY, SUMMED
    delete_zero_sums: TextClause  # SUM_KEY
    add_reviews: TextClause  # GIVEN_REVIEW_COLUMNS
    set_review: TextClause  # number, REVIEW_COLUMNS
    add_reviewer_counts: TextClause  # REVIEWER_COUNT_KEY, n
    delete_zero_reviewer_counts: TextClause  # REVIEWER_COUNT_KEY
    add_claims: TextClause  # CLAIM_COLUMNS
    begin_partition: TextClause  # PARTITION_COLUMNS
    seek_partition: TextClause  # PARTITION_COLUMNS
    add_model: TextClause  # MODEL_COLUMNS
    add_key_check: TextClause  # name, check_value, stored_at


def write_statements(dialect: Dialect) -> Statements:
    """The statements for the database that ``dialect`` is connected to."""
    form = Form(dialect)
    given = "{given}"
    advance = form.update(
        tables.partitions,
        PARTITION_KEY,
        ADVANCE_FIELDS,
        {
            "next_offset": "new.next_offset",
            "records_lost": "old.records_lost + new.records_lost",
            "paused_reason": "COALESCE(old.paused_reason, new.paused_reason)",
            "paused_at": "COALESCE(old.paused_at, CASE WHEN new.paused_reason IS NOT NULL THEN :now END)",
            "updated_at": ":now",
        },
        "old.next_offset = new.expected",
    )
    statements = {
        "advance": advance,
        "claim": form.insert(tables.comments, COMMENT_COLUMNS, {"claimed_by": "comments.claimed_by"}),
        "delete_comments": form.delete(tables.comments, ["number"]),
        "write_comments": form.insert(
            tables.comments,
            ("number", *REVIEW_COLUMNS, *COMMENT_COLUMNS),
            dict.fromkeys(CHANGED_COLUMNS, given),
        ),
        "add_versions": form.insert(tables.comment_versions, VERSION_COLUMNS),
        "delete_predictions": form.delete(tables.predictions, ["comment_number", "model_number"]),
        "write_predictions": form.insert(
            tables.predictions, PREDICTION_COLUMNS, dict.fromkeys(PREDICTION_COLUMNS[2:], given)
        ),
        "delete_letters": form.delete(tables.dead_letters, ["key_digest"]),
        "write_letters": form.insert(tables.dead_letters, LETTER_COLUMNS, dict.fromkeys(LETTER_CONTENT, given)),
        "settle_letters": form.update(
            tables.dead_letters,
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
        "write_erasures": form.insert(
            tables.erasures,
            ("digest", "erased_up_to", "erased_at"),
            dict.fromkeys(("erased_up_to", "erased_at"), given),
        ),
        "add_counts": form.insert(tables.hourly_counts, (*COUNT_KEY, "n"), {"n": f"hourly_counts.n + {given}"}),
        "delete_zero_counts": form.delete(tables.hourly_counts, COUNT_KEY, "n = 0"),
        "add_sums": form.insert(
            tables.count_sums, (*SUM_KEY, *SUMMED), {name: f"count_sums.{name} + {given}" for name in SUMMED}
        ),
        "delete_zero_sums": form.delete(tables.count_sums, SUM_KEY, "positive = 0 AND negative = 0"),
        "add_reviews": form.insert(tables.reviews, GIVEN_REVIEW_COLUMNS),
        "set_review": form.update(
            tables.comments,
            ["number"],
            {name: tables.comments.c[name].type for name in ("number", *REVIEW_COLUMNS)},
            {name: f"new.{name}" for name in REVIEW_COLUMNS},
            "true",
        ),
        "add_reviewer_counts": form.insert(
            tables.reviewer_counts, (*REVIEWER_COUNT_KEY, "n"), {"n": f"reviewer_counts.n + {given}"}
        ),
        "delete_zero_reviewer_counts": form.delete(tables.reviewer_counts, REVIEWER_COUNT_KEY, "n = 0"),
        "add_claims": form.insert(
            tables.review_claims, CLAIM_COLUMNS, {"claimed_until": "review_claims.claimed_until"}
        ),
        "begin_partition": form.insert(tables.partitions, PARTITION_COLUMNS, {"updated_at": "partitions.updated_at"}),
        "seek_partition": form.insert(
            tables.partitions, PARTITION_COLUMNS, dict.fromkeys(("next_offset", "topic_id", "updated_at"), given)
        ),
        "add_model": form.insert(tables.models, MODEL_COLUMNS, {"name": "models.name"}),
        "add_key_check": form.insert(
            tables.key_checks, ("name", "check_value", "stored_at"), {"name": "key_checks.name"}
        ),
    }
    identity = ("platform", "id")
    own = form.collect(tables.comments, identity, "number", "old.claimed_by = :token")
    erased = form.collect(tables.erasures, ["digest"], "erased_up_to", "true", rows=":digests")
    return Statements(
        own_and_erased=text(f"SELECT ({own}), ({erased})"),
        standing=form.select(
            tables.comments,
            identity,
            ["number", *REVIEW_COLUMNS, *CONTENT_COLUMNS],
            "old.claimed_by <> :token",
            lock=True,
        ),
        predictions_of=form.select(tables.predictions, ["comment_number"], PREDICTION_COLUMNS[:5], "true", lock=False),
        letters_of=form.select(tables.dead_letters, ["number"], ["consumer_group", "topic"], "true", lock=False),
        **{name: text(statement) for name, statement in statements.items()},
    )
