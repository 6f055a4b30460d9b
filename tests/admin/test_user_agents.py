"""Tests of the names of browsers."""

import pytest

from api.admin.user_agents import browser_words

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36", "Chrome 141 on Windows"),
        (f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.1", "Edge 141 on Windows"),
        (f"{MOZILLA} (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox 144 on Linux"),
        (
            f"{MOZILLA} (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari 19 on iPhone",
        ),
        (
            f"{MOZILLA} (Linux; Android 16; Pixel 10) {WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36",
            "Chrome 141 on Android",
        ),
        (f"{MOZILLA} (Linux; Android 14) {WEBKIT} Chrome/130.0 Mobile MicroMessenger/8.0.50", "WeChat 8 on Android"),
        ("curl/8.14.1", "curl 8"),
        ("nightly-export", "nightly-export"),
        (None, "—"),
    ],
)
def test_browsers_and_systems_are_named(user_agent: str | None, words: str) -> None:
    assert browser_words(user_agent) == words
