"""Secrets in files: `LIUYAN_..._FILE` for every secret setting, and one clear sentence for every error."""

import os
from pathlib import Path

import pytest

from liuyan.errors import SettingsError
from liuyan.secret_files import MAXIMUM_BYTES
from liuyan.settings import Settings, load_settings, secret_settings
from liuyan.settings_file import PREFIX

SECRET = "0123456789abcdef" * 2
VALUES = {"LIUYAN_DATABASE_URL": "sqlite+aiosqlite:///liuyan.db"}


def test_every_setting_that_sounds_secret_can_be_in_a_file() -> None:
    sounding = {PREFIX + name.upper() for name in Settings.model_fields if name.endswith(("key", "password", "_url"))}
    assert sounding <= set(secret_settings())


@pytest.mark.parametrize("name", secret_settings())
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secret_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, end: str) -> None:
    secret = VALUES.get(name, SECRET)
    (tmp_path / "secret").write_text(f"{secret}{end}", encoding="utf-8-sig", newline="")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv(name, "")
    loaded = getattr(load_settings(), name.removeprefix(PREFIX).lower())
    assert loaded.get_secret_value() == secret


def test_file_can_be_named_in_the_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / "env"))
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "env").write_text(f"LIUYAN_SECRET_KEY_FILE={tmp_path / 'key'}\n")
    assert load_settings().required_secret_key() == SECRET
    monkeypatch.setenv("LIUYAN_SECRET_KEY_FILE", "")
    assert load_settings().secret_key is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "{path}, which LIUYAN_SECRET_KEY_FILE names, is empty. Write the secret into it."),
        (b" \n\n", "{path}, which LIUYAN_SECRET_KEY_FILE names, is empty. Write the secret into it."),
        (b"short\n", "Invalid LIUYAN_SECRET_KEY_FILE: must have at least 32 characters."),
        (b"a\nb\n", "{path}, which LIUYAN_SECRET_KEY_FILE names, has several lines or control characters. "),
        (b"\xff\xfe", "{path}, which LIUYAN_SECRET_KEY_FILE names, is not UTF-8. Save the file as UTF-8."),
        (b"x" * (MAXIMUM_BYTES + 1), "{path}, which LIUYAN_SECRET_KEY_FILE names, has more than 65536 bytes. "),
    ],
    ids=["empty", "blank", "short", "lines", "encoding", "long"],
)
def test_unusable_file_is_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    monkeypatch.setenv("LIUYAN_SECRET_KEY_FILE", str(path))
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value).startswith(sentence.format(path=path))
    assert raised.value.exit_status == 2


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "No such file or directory"),
        (".", "Is a directory"),
        ("~nobody-has-this-name/key", "its home folder is unknown"),
    ],
)
def test_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, path: str, reason: str) -> None:
    monkeypatch.setenv("LIUYAN_ERASURE_KEY_FILE", path)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    expected = f"Cannot read {path}, which LIUYAN_ERASURE_KEY_FILE names: {reason}. Check the path and its permissions."
    assert str(raised.value) == expected


def test_unreadable_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:  # Root, who may run these tests, can read any file.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setenv("LIUYAN_ERASURE_KEY_FILE", "/run/secrets/erasure-key")
    with pytest.raises(SettingsError, match=r"^Cannot read /run/secrets/erasure-key, .*: Permission denied"):
        load_settings()


@pytest.mark.parametrize("name", secret_settings())
def test_value_and_file_together_are_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv(f"{name}_FILE", os.devnull)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == f"{name} and {name}_FILE are both set. Remove one of them."
