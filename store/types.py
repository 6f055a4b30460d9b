"""Column types that keep what they are given on every database: strings byte for byte, times to the microsecond."""

import base64
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Integer, LargeBinary, String, Text, TypeDecorator, func
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

# The largest value of a BIGINT column, and so of a row's number.
LARGEST_NUMBER = 2**63 - 1
# SQLite numbers its rows itself only where the key is declared INTEGER.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")
Bytes = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
Digest = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def is_mariadb(dialect: Dialect) -> bool:
    """Whether the server that ``dialect`` is connected to is MariaDB, which shares MySQL's dialect."""
    return bool(getattr(dialect, "is_mariadb", False))


def exact_collation(dialect: Dialect) -> str:
    """The collation under which `a`, `A`, `á`, `ａ` and `a` with a space behind it all differ; MySQL's older
    ``utf8mb4_bin`` ignores the space."""
    return "utf8mb4_nopad_bin" if is_mariadb(dialect) else "utf8mb4_0900_bin"


class ExactString(TypeDecorator[str]):
    """A string of at most ``length`` code points that compares byte for byte; a text without ``length``."""

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """VARCHAR or TEXT, in the collation of the server that we are connected to."""
        if dialect.name == "sqlite":
            return String(self.length) if self.length else Text()
        collation = exact_collation(dialect)
        if self.length:
            return mysql.VARCHAR(self.length, charset="utf8mb4", collation=collation)
        return mysql.MEDIUMTEXT(charset="utf8mb4", collation=collation)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time to the microsecond: takes any aware datetime, stores UTC, gives it back with UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """MySQL drops the fraction of a second unless told otherwise."""
        return DateTime() if dialect.name == "sqlite" else mysql.DATETIME(fsp=6)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raises ValueError for a time without zone: nobody knows when it was."""
        return None if value is None else in_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What is stored is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def as_binary(value: bytes) -> ColumnElement[bytes]:
    """Bytes within a statement: aiomysql cannot pass them as a parameter since PyMySQL 1.2."""
    return func.from_base64(base64.b64encode(value).decode())


def in_utc(value: datetime) -> datetime:
    """The same time, in UTC. Raises ValueError for a time without zone."""
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value.astimezone(UTC)


def stored_time(text: str) -> datetime:
    """What ``time_text`` wrote, as a time again."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def time_text(value: datetime) -> str:
    """A time as both servers and SQLite store and read it: ``2026-01-31 23:59:59.000001``, in UTC."""
    return in_utc(value).isoformat(" ", "microseconds")[:26]
