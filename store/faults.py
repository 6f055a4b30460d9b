"""Classify database driver errors."""

import sqlite3
import ssl

from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.errors import DatabaseUnavailableError, PermanentStoreError, StoreError, TransientStoreError

# Error numbers of MySQL and MariaDB when their disk is full.
FULL = frozenset({3, 20, 1021, 1026, 1114, 1598, 1878})
# Locks, ended sessions, a table that a migration has just changed, a server that is stopping or read-only.
TRANSIENT = FULL | frozenset(
    {0, 1030, 1040, 1053, 1079, 1080, 1129, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1203, 1205, 1213}
    | {1226, 1290, 1317, 1412, 1792, 1836, 1927, 1969, 3024, 3100, 3101, 3572, 4031, 2002, 2003, 2006, 2013, 2014, 2055}
)
# Content that cannot be stored: too large, out of range, not representable.
PERMANENT = frozenset({1048, 1118, 1153, 1264, 1265, 1292, 1300, 1366, 1406, 1416, 1958, 3140, 3141, 3144, 3903})
CANNOT_CONNECT = 2003
SQLITE_TRANSIENT = frozenset({5, 6, 9, 10, 13, 14})  # busy, locked, interrupted, input/output, full, cannot open
SQLITE_PERMANENT = frozenset({18, 20})  # too big, mismatch


# Errors of the driver or the connection. SQLAlchemy's other errors, such as a parameter that cannot be bound, occur
# before the statement is sent: they are bugs in our code and pass unchanged.
FAULTS = (DBAPIError, DisconnectionError, PoolTimeoutError, sqlite3.Error, OSError, TimeoutError, EOFError)


def classify_error(error: BaseException) -> StoreError:
    """Return the error to raise in place of one of FAULTS. Unknown ones become a StoreError, which is not retried."""
    if isinstance(error, OSError | TimeoutError | EOFError | PoolTimeoutError | DisconnectionError):
        return TransientStoreError(f"The database does not answer ({type(error).__name__}).")
    if not isinstance(error, DBAPIError):
        return StoreError(f"The database driver failed: {' '.join(str(error).split())}.")
    number, message = describe(error)
    sqlite_number = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_number is not None:
        transient, permanent = sqlite_number & 0xFF in SQLITE_TRANSIENT, sqlite_number & 0xFF in SQLITE_PERMANENT
    else:
        # The driver reports no number if the session ended without a message from the server.
        transient, permanent = number is None or number in TRANSIENT, number in PERMANENT
    if permanent or isinstance(error, DataError):
        return PermanentStoreError(f"The database cannot store this: {message}.")
    if transient or error.connection_invalidated:
        return TransientStoreError(f"The database is temporarily unable to do this: {message}.")
    return StoreError(f"The database refused the statement: {message}.")


def is_connection_lost(error: StoreError) -> bool:
    """Return whether the database was reachable but ended the session or was busy, so that a retry may succeed soon.

    False for a database that cannot be reached or did not answer in time.
    """
    cause = error.__cause__
    if not isinstance(cause, DBAPIError) or describe(cause)[0] == CANNOT_CONNECT:
        return False
    return isinstance(classify_error(cause), TransientStoreError)


def describe(error: DBAPIError) -> tuple[int | None, str]:
    """Return the server's error number, if any, and its message on one line."""
    arguments = error.orig.args if error.orig is not None else ()
    number = arguments[0] if arguments and isinstance(arguments[0], int) else None
    message = " ".join(str(arguments[-1] if arguments else error).split()).rstrip(".")
    return number, f"{number} {message}" if number else message


def unavailable(error: BaseException, url: URL) -> DatabaseUnavailableError:
    """Return an error that says why ``url`` cannot be used and what to do, without the password."""
    cause = error.__cause__ if isinstance(error, StoreError) and error.__cause__ is not None else error
    place = f"{url.host}:{url.port or 3306}"
    if url.get_backend_name() == "sqlite":
        place = str(url.database)
    number, message = describe(cause) if isinstance(cause, DBAPIError) else (None, type(cause).__name__)
    refused = (
        f"The database at {place} refuses the user {url.username}. Correct the user or the password in "
        "LIUYAN_DATABASE_URL."
    )
    sentences = {
        1043: f"The database at {place} ended the handshake. If LIUYAN_DATABASE_URL asks for TLS, enable it there.",
        1044: f"The user {url.username} has no access to the database {url.database} at {place}. Grant it.",
        1045: refused,
        1049: f"There is no database {url.database} at {place}. Create it or correct LIUYAN_DATABASE_URL.",
        1142: f"The user {url.username} lacks a privilege on the database {url.database} at {place}: {message}.",
        1698: refused,
        CANNOT_CONNECT: f"No database answers at {place}. Start it or correct LIUYAN_DATABASE_URL.",
    }
    tls = _tls_fault(cause)
    if tls is not None:
        return DatabaseUnavailableError(
            f"The TLS handshake with the database at {place} failed ({tls}). Correct ssl_ca or the other ssl_ "
            "parameters in LIUYAN_DATABASE_URL."
        )
    if number in sentences:
        return DatabaseUnavailableError(sentences[number])
    if "unable to open database file" in message:
        return DatabaseUnavailableError(f"The file {place} cannot be opened. Its folder must exist and be writable.")
    if "not a database" in message:
        return DatabaseUnavailableError(f"The file {place} is not an SQLite database. Correct LIUYAN_DATABASE_URL.")
    return DatabaseUnavailableError(f"The database at {place} cannot be used: {message}.")


def _tls_fault(error: BaseException) -> str | None:
    """Return the TLS error that made a connection fail, or None."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return str(getattr(cause, "verify_message", "") or cause.reason)
        cause = cause.__cause__ or cause.__context__
    return None
