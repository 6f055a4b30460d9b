"""Debian's Chromium with fonts for Chinese and emoji, for browser tests."""

import shutil
import sys

from local_stack import host
from local_stack.downloads import run

NAMES = ("chromium", "chromium-browser", "google-chrome")
FONTS = {":lang=zh": "fonts-noto-cjk", ":charset=1f44d": "fonts-noto-color-emoji"}


def get_chromium() -> str:
    """Return the browser's path; install the browser and fonts if they are missing, which needs root.

    Raises LocalStackError with the command to run otherwise.
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
    """Return whether a font matches a fontconfig pattern."""
    return shutil.which("fc-list") is not None and bool(run(["fc-list", pattern], "Cannot list fonts."))
