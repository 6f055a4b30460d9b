"""The browser is found or installed, or the error names the command to install it."""

import os
import shutil
import subprocess

import pytest

from local_stack import chromium, host
from local_stack.errors import LocalStackError


def test_browser_runs() -> None:
    done = subprocess.run(
        [chromium.get_chromium(), "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Chrom" in done.stdout


def test_only_missing_packages_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(host, "install", lambda *packages: installed.extend(packages))
    monkeypatch.setattr(chromium, "_has_font", lambda pattern: pattern == ":lang=zh")
    chromium.get_chromium()
    assert installed == ["fonts-noto-color-emoji"]


def test_error_names_the_command_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    command = "`apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji`"
    with pytest.raises(LocalStackError, match=command):
        chromium.get_chromium()
