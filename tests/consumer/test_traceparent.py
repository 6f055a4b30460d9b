"""Only valid W3C trace contexts are read."""

import pytest

from consumer.traceparent import traceparent_of

VALID = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_first_valid_header_is_returned() -> None:
    headers = [("other", b"x"), ("traceparent", None), ("traceparent", b"junk"), ("traceparent", VALID.encode())]
    assert traceparent_of(headers) == VALID
    assert traceparent_of([("Traceparent", VALID.encode())]) is None
    assert traceparent_of([]) is None


def test_later_versions_may_append_fields() -> None:
    later = "cc" + VALID[2:]
    assert traceparent_of([("traceparent", f"{later}-what-else".encode())]) == later
    assert traceparent_of([("traceparent", f"{VALID}-more".encode())]) is None


@pytest.mark.parametrize(
    "value",
    [
        VALID.upper(),
        VALID + "\n",
        VALID[:-1],
        "ff" + VALID[2:],
        "00-" + "0" * 32 + VALID[35:],
        VALID[:36] + "0" * 16 + "-01",
        "cc" + VALID[2:] + ".差",
        "这家店太差了",
    ],
)
def test_invalid_values_are_not_returned(value: str) -> None:
    assert traceparent_of([("traceparent", value.encode())]) is None
