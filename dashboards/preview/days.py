"""How busy people are at a time of day, for the made-up history."""

from datetime import datetime
from math import cos, pi

# The hour (UTC) with the fewest comments: 3 o'clock in China.
QUIET_HOUR = 19


def busyness(time: datetime) -> float:
    """Return a share of the busiest hour, from 0.2 to 1."""
    hours = (time.hour + time.minute / 60 - QUIET_HOUR) % 24
    return 0.6 - 0.4 * cos(2 * pi * hours / 24)
