"""The browser is found, installed where that is allowed, or named with what to type."""

import os
import shutil
import subprocess

import pytest

from local_stack import chromium, host
from local_stack.errors import LocalStackError


def test_the_browser_that_is_found_is_one() -> None:
    said = subprocess.run(
        [chromium.get_chromium(), "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Chrom" in said.stdout


def test_only_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(host, "install", lambda *packages: installed.extend(packages))
    monkeypatch.setattr(chromium, "_has_font", lambda pattern: pattern == ":lang=zh")
    chromium.get_chromium()
    assert installed == ["fonts-noto-color-emoji"]


def test_who_may_not_install_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    wanted = "`apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji`"
    with pytest.raises(LocalStackError, match=wanted):
        chromium.get_chromium()
