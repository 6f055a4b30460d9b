"""The platform to which a rejected record belongs."""

import pytest

from consumer.publisher import publisher_of

FORUM, SHOP = b'{"platform": "forum", "text": ""}', b'{"platform": "shop", "text": ""}'
BOTH = frozenset({"forum", "shop"})


@pytest.mark.parametrize(
    ("key", "value", "platforms", "publisher"),
    [
        # A topic of one platform: its records are that platform's, whatever they contain.
        (None, b"\xff", {"shop"}, "shop"),
        (b"forum:1", FORUM, {"shop"}, "shop"),
        # Other topics: key and value name the same platform, or one of them names it.
        (b"forum:1", FORUM, frozenset(), "forum"),
        (b"forum:2", FORUM, BOTH, "forum"),
        (b"forum:1", b"{", frozenset(), "forum"),
        (b"forum:1", None, frozenset(), "forum"),
        (None, FORUM, frozenset(), "forum"),
        (None, b"\0\0\0\0\7" + FORUM, frozenset(), "forum"),
        (b"\0\0\0\0\7forum:1", FORUM, frozenset(), None),
        # Not certain: nobody but admins sees them.
        (b"forum:1", SHOP, frozenset(), None),
        (b"forum:1", b'{"platform": "shop"', frozenset(), None),
        (b"forum:1", SHOP, BOTH, None),
        (b"Forum:1", b"{", frozenset(), None),
        (b"", b'{"platform": ""}', frozenset(), None),
        (b":1", None, frozenset(), None),
        (b"forum", b"{", frozenset(), None),
        (b"\xff:1", b"{", frozenset(), None),
        (None, b"[1]", frozenset(), None),
        (None, None, frozenset(), None),
        (b"desk:1", b'{"platform": "desk"}', BOTH, None),
    ],
)
def test_publisher(key: bytes | None, value: bytes | None, platforms: frozenset[str], publisher: str | None) -> None:
    assert publisher_of(key, value, frozenset(platforms)) == publisher
