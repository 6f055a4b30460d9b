"""How long reading takes, and how long a text was shown."""

from datetime import UTC, datetime, timedelta

import pytest

from store.attention import is_too_fast, reading_milliseconds, shown_milliseconds

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("好", 600),
        ("物流很快，包装也好", 600),
        ("等了半个月才发货，打电话没人接", 900),
        ("好" * 30, 1_800),
        ("good " * 12, 600),
        ("good " * 30, 1_500),
        ("好" * 10_000, 3_000),
    ],
)
def test_reading_takes_longer_the_longer_a_text_is_up_to_a_limit(text: str, needed: int) -> None:
    assert reading_milliseconds(text) == needed
    assert is_too_fast(text, needed - 1)
    assert not is_too_fast(text, needed)
    assert not is_too_fast(text, None)


@pytest.mark.parametrize(
    ("measured", "held", "shown"),
    [(1_200, 5_000, 1_200), (90_000, 5_000, 5_000), (None, 5_000, 5_000), (1_200, None, 1_200), (None, None, None)],
)
def test_a_text_is_shown_no_longer_than_its_comment_is_held(
    measured: int | None, held: int | None, shown: int | None
) -> None:
    given_at = None if held is None else NOW - timedelta(milliseconds=held)
    assert shown_milliseconds(measured, given_at, NOW) == shown


def test_clocks_that_differ_make_no_negative_time() -> None:
    assert shown_milliseconds(None, NOW + timedelta(seconds=1), NOW) == 0
