"""Fields that several request and response schemas share."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from liuyan.times import RFC3339, parse_rfc3339


def _parse_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not RFC3339.fullmatch(value):
        raise ValueError(
            "write the time as RFC 3339 with its offset, like 2026-01-31T08:15:00Z (in a URL a + is written as %2B)"
        )
    try:
        return parse_rfc3339(value)
    except ValueError:
        raise ValueError("no such time: use one between the years 1 and 9999 in UTC") from None


def check_order(begin: datetime | None, end: datetime | None, rule: str) -> None:
    """Check that ``begin`` is before ``end``, if both are given. Raises ValueError with the sentence ``rule``."""
    if begin and end and begin >= end:
        raise ValueError(rule)


Time = Annotated[datetime, BeforeValidator(_parse_time)]
Platform = Annotated[
    str,
    Field(
        min_length=1,
        max_length=32,
        pattern="^[a-z0-9_-]+$",
        description="The platform that published the comment: lowercase letters, digits, _ and -.",
        examples=["forum"],
    ),
]
Probability = Annotated[
    float,
    Field(ge=0, le=1, description="The calibrated probability that the text is positive.", examples=[0.9731]),
]
Uncertain = Annotated[
    bool, Field(description="Whether the probability is inside the model's uncertain band.", examples=[False])
]
Sha256 = Annotated[
    str,
    Field(
        max_length=64, description="SHA-256 of the model's artifact, which identifies the model.", examples=["9f" * 32]
    ),
]
