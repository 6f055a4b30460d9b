"""The columns of statements follow the tables and the dataclasses."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Dialect

from store.batch import Content, Prediction
from store.bulk import write_statements
from store.rows import CONTENT_COLUMNS, content_row, read_content
from store.statement_builder import Fields, Rows
from store.tables import comments, count_sums, predictions
from store.types import ExactString, UtcDateTime
from tests.store.feed import arrival

FIELDS: Fields = {"platform": ExactString(32), "hour": UtcDateTime()}
HOUR = datetime(2026, 1, 31, 22, tzinfo=UTC)


def test_a_row_is_written_by_column_name() -> None:
    row = {"hour": HOUR, "left_out": 1, "platform": "forum"}
    assert json.loads(Rows(FIELDS, base64=False).document([row])) == [["forum", "2026-01-31 22:00:00.000000"]]


def test_a_row_without_a_column_is_refused() -> None:
    with pytest.raises(KeyError, match="hour"):
        Rows(FIELDS, base64=False).document([{"platform": "forum"}])


def test_every_field_of_an_event_and_of_a_prediction_is_a_column() -> None:
    assert set(Content._fields) <= set(comments.c.keys())
    assert set(Prediction._fields) <= set(predictions.c.keys())


@pytest.mark.parametrize("dialect", [mysql.dialect(), sqlite.dialect()], ids=["mysql", "sqlite"])
def test_statements_have_every_column(dialect: Dialect) -> None:
    statements = write_statements(dialect)
    for statement, names in (
        (statements.insert_keys, CONTENT_COLUMNS),
        (statements.write_comments, CONTENT_COLUMNS),
        (statements.write_predictions, predictions.c.keys()),
        (statements.add_sums, count_sums.c.keys()),
    ):
        assert all(name in str(statement.sql) for name in names)
    assert set(CONTENT_COLUMNS) < set(statements.read_current.columns)


def test_a_content_is_read_back_unchanged() -> None:
    content = arrival("1", "全部", edited=3, thread="t").content
    assert read_content(content_row(content)) == content
