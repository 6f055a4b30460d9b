"""Sorts what a database driver raises into the errors that a caller can act on."""

import sqlite3
import ssl

from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.errors import DatabaseUnavailableError, PermanentStoreError, StoreError, TransientStoreError

# The server's numbers, MySQL's and MariaDB's: locks, sessions that ended, a server that stops, is full or is read only.
TRANSIENT = frozenset(
    {0, 1021, 1030, 1040, 1053, 1079, 1080, 1114, 1129, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1203, 1205, 1213}
    | {1226, 1290, 1317, 1792, 1836, 1927, 1969, 3024, 3100, 3101, 3572, 4031, 2002, 2003, 2006, 2013, 2014, 2055}
)
# Content that no row can hold: too large, out of range, not representable.
PERMANENT = frozenset({1048, 1118, 1153, 1264, 1265, 1292, 1300, 1366, 1406, 1416, 1958, 3140, 3141, 3144, 3903})
NOBODY_LISTENS = 2003
SQLITE_TRANSIENT = frozenset({5, 6, 9, 10, 13, 14})  # busy, locked, interrupted, input/output, full, cannot open
SQLITE_PERMANENT = frozenset({18, 20})  # too big, mismatch


# What a driver or the connection to the server raises. SQLAlchemy's other errors, such as a parameter that cannot be
# bound, are raised before the database is asked: they are mistakes in our code and pass as they are.
FAULTS = (DBAPIError, DisconnectionError, PoolTimeoutError, sqlite3.Error, OSError, TimeoutError, EOFError)


def classify_error(error: BaseException) -> StoreError:
    """The error to raise in place of one of FAULTS. An unknown one is a StoreError, which stops: better than
    guessing."""
    if isinstance(error, OSError | TimeoutError | EOFError | PoolTimeoutError | DisconnectionError):
        return TransientStoreError(f"The database does not answer ({type(error).__name__}).")
    if not isinstance(error, DBAPIError):
        return StoreError(f"The database cannot be asked this: {' '.join(str(error).split())}.")
    number, message = describe(error)
    sqlite_number = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_number is not None:
        transient, permanent = sqlite_number & 0xFF in SQLITE_TRANSIENT, sqlite_number & 0xFF in SQLITE_PERMANENT
    else:
        # The driver gives no number where the session has ended without a word of the server's.
        transient, permanent = number is None or number in TRANSIENT, number in PERMANENT
    if permanent or isinstance(error, DataError):
        return PermanentStoreError(f"The database cannot store this: {message}.")
    if transient or error.connection_invalidated:
        return TransientStoreError(f"The database could not do this now: {message}.")
    return StoreError(f"The database refused: {message}.")


def is_connection_lost(error: StoreError) -> bool:
    """Whether the database was there and ended the session in the middle, or was busy: the same again may work soon.

    One that is not there at all, or does not answer for long, is not meant.
    """
    cause = error.__cause__
    if not isinstance(cause, DBAPIError) or describe(cause)[0] == NOBODY_LISTENS:
        return False
    return isinstance(classify_error(cause), TransientStoreError)


def describe(error: DBAPIError) -> tuple[int | None, str]:
    """The server's number, where it has one, and its message in one line."""
    arguments = error.orig.args if error.orig is not None else ()
    number = arguments[0] if arguments and isinstance(arguments[0], int) else None
    message = " ".join(str(arguments[-1] if arguments else error).split()).rstrip(".")
    return number, f"{number} {message}" if number else message


def unavailable(error: BaseException, url: URL) -> DatabaseUnavailableError:
    """One sentence for a person: why ``url`` cannot be used, and what to do. It never shows the password."""
    cause = error.__cause__ if isinstance(error, StoreError) and error.__cause__ is not None else error
    place = f"{url.host}:{url.port or 3306}"
    if url.get_backend_name() == "sqlite":
        place = str(url.database)
    number, message = describe(cause) if isinstance(cause, DBAPIError) else (None, type(cause).__name__)
    refused = (
        f"The database at {place} refuses the user {url.username}: correct the user or the password in "
        "LIUYAN_DATABASE_URL."
    )
    sentences = {
        1043: f"The database at {place} ends the handshake: LIUYAN_DATABASE_URL may ask for TLS and it offer none.",
        1044: f"The user {url.username} may not use the database {url.database} at {place}: grant it the rights.",
        1045: refused,
        1049: f"There is no database {url.database} at {place}: create it, or correct LIUYAN_DATABASE_URL.",
        1142: f"The user {url.username} lacks a right in the database {url.database} at {place}: {message}.",
        1698: refused,
        NOBODY_LISTENS: f"No database answers at {place}: start it, or correct LIUYAN_DATABASE_URL.",
    }
    tls = _tls_fault(cause)
    if tls is not None:
        return DatabaseUnavailableError(
            f"The database at {place} and we cannot agree on TLS ({tls}): correct ssl_ca, or another ssl_ parameter, "
            "in LIUYAN_DATABASE_URL."
        )
    if number in sentences:
        return DatabaseUnavailableError(sentences[number])
    if "unable to open database file" in message:
        return DatabaseUnavailableError(f"The file {place} cannot be opened: its folder must exist and be writable.")
    if "not a database" in message:
        return DatabaseUnavailableError(f"The file {place} is not an SQLite database: correct LIUYAN_DATABASE_URL.")
    return DatabaseUnavailableError(f"The database at {place} cannot be used: {message}.")


def _tls_fault(error: BaseException) -> str | None:
    """What was wrong with TLS, when a connection failed for that."""
    below: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while below is not None:
        if isinstance(below, ssl.SSLError):
            return str(getattr(below, "verify_message", "") or below.reason)
        below = below.__cause__ or below.__context__
    return None
