"""The database's time.

Leases, and the search for missing predictions after a promotion, compare times that several processes have stored. One
process with a wrong clock must not keep a lease for a day after its end, or hide comments from the search.
"""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Clocks that differ by less are considered equal, so that times stored by one process keep their order.
TOLERANCE = timedelta(seconds=1)
MEASURE_SECONDS = 60.0
DATABASE_TIME = text("SELECT UTC_TIMESTAMP(6)")


class DatabaseClock:
    """Returns this machine's time, corrected by its difference from the database's if that is a second or more.

    The difference is measured once a minute, and whenever this machine's clock is set.
    """

    def __init__(self) -> None:
        self._difference = timedelta()
        self._valid_until = 0.0
        self._wall_minus_steady = 0.0

    def known(self) -> datetime | None:
        """Return the database's time, in UTC; None if the difference must be measured again."""
        steady = time.monotonic()
        was_set = abs(time.time() - steady - self._wall_minus_steady) > TOLERANCE.total_seconds()
        return None if was_set or steady >= self._valid_until else datetime.now(UTC) + self._difference

    async def now(self, connection: AsyncConnection) -> datetime:
        """Return the time of the database of ``connection``, in UTC. Raises TransientStoreError."""
        known = self.known()
        if known is not None:
            return known
        self._difference = await _difference(connection)
        steady = time.monotonic()
        self._wall_minus_steady, self._valid_until = time.time() - steady, steady + MEASURE_SECONDS
        return datetime.now(UTC) + self._difference


async def database_now(connection: AsyncConnection) -> datetime:
    """Return the time of the database of ``connection`` like DatabaseClock. Raises TransientStoreError."""
    return datetime.now(UTC) + await _difference(connection)


async def trusted_now(connection: AsyncConnection) -> datetime:
    """Return the earlier of the database's and this machine's time, because a fast clock must not delete anything.

    Raises TransientStoreError.
    """
    return datetime.now(UTC) + min(timedelta(), await _difference(connection))


async def _difference(connection: AsyncConnection) -> timedelta:
    """Return how far the database's clock is ahead of this machine's."""
    if connection.dialect.name == "sqlite":  # It has this machine's clock.
        return timedelta()
    began, steady = datetime.now(UTC), time.monotonic()
    database: datetime = (await connection.execute(DATABASE_TIME)).scalar_one()
    taken = timedelta(seconds=time.monotonic() - steady)
    difference = database.replace(tzinfo=UTC) - began - taken / 2
    return timedelta() if abs(difference) <= TOLERANCE + taken / 2 else difference
