"""Column types that behave the same on every database: exact strings, and times in UTC to the microsecond."""

import base64
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Integer, LargeBinary, String, Text, TypeDecorator, func
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

# The largest value of a BIGINT column, and therefore of a row number.
LARGEST_NUMBER = 2**63 - 1
# Days whose text is kept in memory: the comments of a batch were written on few days.
KEPT_DAYS = 1024
_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))
# SQLite autoincrements only keys declared INTEGER.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")
Bytes = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
Digest = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def is_mariadb(dialect: Dialect) -> bool:
    """Return whether ``dialect`` is connected to MariaDB, which shares MySQL's dialect."""
    return bool(getattr(dialect, "is_mariadb", False))


def exact_collation(dialect: Dialect) -> str:
    """Return the collation in which `a`, `A`, `á`, `ａ` and `a` with a trailing space all differ; MySQL's older
    ``utf8mb4_bin`` ignores trailing spaces."""
    return "utf8mb4_nopad_bin" if is_mariadb(dialect) else "utf8mb4_0900_bin"


class ExactString(TypeDecorator[str]):
    """A string of at most ``length`` code points, compared byte for byte; without ``length``, a text."""

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return VARCHAR or MEDIUMTEXT with the server's exact collation."""
        if dialect.name == "sqlite":
            return String(self.length) if self.length else Text()
        collation = exact_collation(dialect)
        if self.length:
            return mysql.VARCHAR(self.length, charset="utf8mb4", collation=collation)
        return mysql.MEDIUMTEXT(charset="utf8mb4", collation=collation)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time to the microsecond: accepts any aware datetime, stores and returns UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Request microseconds explicitly; MySQL's default is whole seconds."""
        return DateTime() if dialect.name == "sqlite" else mysql.DATETIME(fsp=6)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a naive datetime."""
        return None if value is None else in_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time with UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def as_binary(value: bytes) -> ColumnElement[bytes]:
    """Return bytes as an SQL expression, because aiomysql cannot pass them as a parameter with PyMySQL >= 1.2."""
    return func.from_base64(base64.b64encode(value).decode())


def in_utc(value: datetime) -> datetime:
    """Convert a time to UTC. Raises ValueError for a naive datetime."""
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value.astimezone(UTC)


def stored_time(text: str) -> datetime:
    """Parse the output of ``time_text``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read_time(value: datetime | str | None) -> datetime | None:
    """Return a time as a statement without column types returns it: SQLite's is text."""
    if value is None or isinstance(value, str):
        return None if value is None else stored_time(value)
    return value.replace(tzinfo=UTC)


def time_text(value: datetime) -> str:
    """Format a time, in UTC, as all databases read it: ``2026-01-31 23:59:59.000001``.

    ``isoformat`` takes twice as long.
    """
    utc = in_utc(value)
    day, two = _day_text(utc.toordinal()), _TWO_DIGITS
    return f"{day} {two[utc.hour]}:{two[utc.minute]}:{two[utc.second]}.{utc.microsecond:06}"


@lru_cache(KEPT_DAYS)
def _day_text(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
