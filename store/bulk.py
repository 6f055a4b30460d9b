"""The bulk statements of the write path; their columns and types come from the tables and from batch.py."""

# ruff: noqa: S608  (statements are built once, from table definitions only; every value is a parameter)

from dataclasses import dataclass

from sqlalchemy import BigInteger, Table, text
from sqlalchemy.engine import Dialect

from store import model_tables, relabel_tables, review_tables, tables
from store.rows import CONTENT_COLUMNS, PREDICTION_COLUMNS
from store.statement_builder import IDENTITY, Fields, Rows, Statement, StatementBuilder, types_of


def _column_names(table: Table, *without: str) -> tuple[str, ...]:
    """Return the names of a table's columns except ``without``."""
    return tuple(column.name for column in table.c if column.name not in without)


def _key(table: Table) -> tuple[str, ...]:
    """Return the column names of a table's primary key."""
    return tuple(column.name for column in table.primary_key)


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
    **types_of(tables.partitions, _key(tables.partitions)),
    "expected": BigInteger(),
    **types_of(tables.partitions, ("next_offset", "records_lost", "paused_reason")),
}
ACTIVE = f"SELECT model_number FROM active_model WHERE id = {model_tables.ACTIVE_ROW}"
HORIZON = f"SELECT horizon FROM retention WHERE id = {tables.RETENTION_ROW}"
COPY = ("number", "state", "latest_partition", "latest_offset", "reason", "detail")
COPY_FIELDS = types_of(tables.dead_letters, COPY)


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
    identity = types_of(comments, IDENTITY)
    digest = types_of(tables.erasures, ["digest"])
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
            types_of(comments, ("number", *REVIEW_COLUMNS)),
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
        read_labels=Statement(text(labels), build.rows(types_of(predictions, own))),
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
