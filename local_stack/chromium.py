"""Debian's Chromium with the fonts that Chinese comments and emoji need: what the tests of the pages look with."""

import shutil
import sys

from local_stack import host
from local_stack.downloads import run

NAMES = ("chromium", "chromium-browser", "google-chrome")
FONTS = {":lang=zh": "fonts-noto-cjk", ":charset=1f44d": "fonts-noto-color-emoji"}


def get_chromium() -> str:
    """The path of the browser; it is installed into the system with its fonts where it is missing, which needs root.

    Raises LocalStackError that says what to type instead.
    """
    missing = [] if _browser() else ["chromium"]
    missing += [package for pattern, package in FONTS.items() if not _has_font(pattern)]
    if missing:
        sys.stderr.write(f"Installing {', '.join(missing)} from Debian's packages (120 MB) ...\n")
        host.install(*missing)
    return _browser() or "chromium"


def _browser() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


def _has_font(pattern: str) -> bool:
    """Whether a font has what ``pattern`` asks for, in fontconfig's words."""
    return shutil.which("fc-list") is not None and bool(run(["fc-list", pattern], "The fonts cannot be listed."))
