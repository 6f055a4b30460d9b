"""Classification of database errors: transient, permanent, or fatal."""

import asyncio
import sqlite3

import pymysql
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DataError, DBAPIError, StatementError

from store.errors import PermanentStoreError, StoreError, TransientStoreError
from store.faults import classify_error, unavailable


def raised(original: Exception) -> DBAPIError:
    """Wrap a driver error as SQLAlchemy does."""
    kind = DataError if isinstance(original, pymysql.DataError | sqlite3.DataError) else DBAPIError
    return kind("SELECT 1", {}, original)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (raised(pymysql.OperationalError(1205, "Lock wait timeout exceeded")), TransientStoreError),
        (raised(pymysql.OperationalError(1213, "Deadlock found")), TransientStoreError),
        (raised(pymysql.OperationalError(1290, "running with the --read-only option")), TransientStoreError),
        (raised(pymysql.OperationalError(3, "Error writing file (OS errno 28 - No space left)")), TransientStoreError),
        (raised(pymysql.OperationalError(1026, "Error writing file")), TransientStoreError),
        (raised(pymysql.OperationalError(1114, "The table 'comments' is full")), TransientStoreError),
        (raised(pymysql.OperationalError(1598, "Binary logging not possible")), TransientStoreError),
        (raised(pymysql.InterfaceError(0, "Not connected")), TransientStoreError),
        (raised(pymysql.Error("Already closed")), TransientStoreError),
        (raised(pymysql.OperationalError(1153, "Got a packet bigger than max_allowed_packet")), PermanentStoreError),
        (raised(pymysql.DataError(1406, "Data too long for column 'author' at row 1")), PermanentStoreError),
        (raised(pymysql.OperationalError(1366, "Incorrect string value")), PermanentStoreError),
        (raised(pymysql.OperationalError(1045, "Access denied")), StoreError),
        (raised(pymysql.ProgrammingError(1146, "Table doesn't exist")), StoreError),
        (raised(sqlite3.DataError("string or blob too big")), PermanentStoreError),
        (ConnectionResetError(), TransientStoreError),
        (TimeoutError(), TransientStoreError),
        (asyncio.IncompleteReadError(b"", 4), TransientStoreError),
        (StatementError("a wrong value", "SELECT 1", {}, ValueError("no time zone")), StoreError),
    ],
)
def test_errors_are_classified(error: BaseException, kind: type[StoreError]) -> None:
    assert type(classify_error(error)) is kind


def test_error_messages_never_contain_the_password() -> None:
    url = make_url("mysql+aiomysql://writer:secret@db.example:3307/liuyan")
    for number in (1044, 1045, 1049, 1142, 2003, 1, None):
        original = pymysql.OperationalError(number, "message") if number else pymysql.OperationalError("message")
        sentence = str(unavailable(raised(original), url))
        assert "secret" not in sentence
        assert "db.example:3307" in sentence
        assert "\n" not in sentence
