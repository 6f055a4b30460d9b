"""Settings: .env.example describes all of them, and an invalid one is a one-line error."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from consumer.event import CommentEvent, parse_value
from liuyan.errors import SettingsError
from liuyan.setting_types import split_address
from liuyan.settings import Settings, load_settings, secret_settings
from liuyan.settings_document import configuration_document
from liuyan.settings_example import settings_example
from liuyan.settings_file import PREFIX
from liuyan.topics import ANY_PLATFORM, PLATFORM, parse_topics

pytestmark = pytest.mark.programs

EXAMPLE = Path(__file__).parent.parent / ".env.example"

WRONG = [
    ("LIUYAN_BATCH_RECORDS", "many", "Invalid LIUYAN_BATCH_RECORDS: must be a whole number."),
    ("LIUYAN_BATCH_RECORDS", "0", "Invalid LIUYAN_BATCH_RECORDS: must be 1 or more."),
    ("LIUYAN_POISON_SHARE", "1.5", "Invalid LIUYAN_POISON_SHARE: must be 1 or less."),
    ("LIUYAN_KAFKA", "", "Invalid LIUYAN_KAFKA: must not be empty."),
    ("LIUYAN_LOG_LEVEL", "loud", "Invalid LIUYAN_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'."),
    ("LIUYAN_KAFKA", " ", "Invalid LIUYAN_KAFKA: '' is not host:port"),
    ("LIUYAN_KAFKA", "a:9092,,b:9092", "Invalid LIUYAN_KAFKA: '' is not host:port"),
    ("LIUYAN_KAFKA", "a:9092 b:9092", "Invalid LIUYAN_KAFKA: 'a:9092 b:9092' is not host:port"),
    ("LIUYAN_KAFKA", "PLAINTEXT://a:9092", "Invalid LIUYAN_KAFKA: 'PLAINTEXT://a:9092' is not host:port"),
    ("LIUYAN_KAFKA", "a:port", "Invalid LIUYAN_KAFKA: 'a:port' is not host:port"),
    ("LIUYAN_KAFKA", "a:0", "Invalid LIUYAN_KAFKA: 'a:0' is not host:port"),
    ("LIUYAN_GROUP", " night", "Invalid LIUYAN_GROUP: ' night' starts or ends with white space"),
    ("LIUYAN_TOPICS", "comments,comments", "Invalid LIUYAN_TOPICS: topic 'comments' is listed twice"),
    ("LIUYAN_TOPICS", "comments, comments =forum", "Invalid LIUYAN_TOPICS: topic 'comments' is listed twice"),
    ("LIUYAN_TOPICS", "comments=", "Invalid LIUYAN_TOPICS: topic 'comments' has an empty platform"),
    ("LIUYAN_TOPICS", "comments=forum| |desk", "Invalid LIUYAN_TOPICS: topic 'comments' has an empty platform"),
    ("LIUYAN_TOPICS", "comments=forum|desk|forum", "Invalid LIUYAN_TOPICS: topic 'comments' lists a platform twice"),
    ("LIUYAN_TOPICS", "comments,", "Invalid LIUYAN_TOPICS: 'comments,' has an empty part"),
    ("LIUYAN_TOPICS", "=forum", "Invalid LIUYAN_TOPICS: '=forum' has an empty part"),
    ("LIUYAN_TOPICS", "my comments", "Invalid LIUYAN_TOPICS: topic 'my comments' is invalid"),
    ("LIUYAN_TOPICS", "评论", "Invalid LIUYAN_TOPICS: topic '评论' is invalid"),
    ("LIUYAN_TOPICS", "..", "Invalid LIUYAN_TOPICS: topic '..' is invalid"),
    ("LIUYAN_TOPICS", "c" * 250, "Invalid LIUYAN_TOPICS: topic 'ccc"),
    ("LIUYAN_TOPICS", "comments=Forum", "Invalid LIUYAN_TOPICS: platform 'Forum' is invalid"),
    ("LIUYAN_TOPICS", "comments=forum,desk|shop", "Invalid LIUYAN_TOPICS: topic 'desk|shop' is invalid"),
    ("LIUYAN_TOPICS", "comments=forum=desk", "Invalid LIUYAN_TOPICS: platform 'forum=desk' is invalid"),
    ("LIUYAN_TOPICS", "comments=" + "x" * 33, "Invalid LIUYAN_TOPICS: platform 'xxx"),
    ("LIUYAN_TOPICS", " , ", "Invalid LIUYAN_TOPICS: specify at least one topic"),
    (
        "LIUYAN_ERASURE_KEY",
        "short",
        "Invalid LIUYAN_ERASURE_KEY: each key must have at least 16 characters",
    ),
    ("LIUYAN_SECRET_KEY", "short", "Invalid LIUYAN_SECRET_KEY: must have at least 32 characters."),
    ("LIUYAN_CONTACT_KEY", "short", "Invalid LIUYAN_CONTACT_KEY: each key must have at least 32 characters"),
    ("LIUYAN_SIGN_UP", "maybe", "Invalid LIUYAN_SIGN_UP: "),
    ("LIUYAN_SSO_ISSUER", "http://id.example", "Invalid LIUYAN_SSO_ISSUER: must be the provider's https:// address"),
    ("LIUYAN_SSO_ISSUER", "https://id.example?x", "Invalid LIUYAN_SSO_ISSUER: must be the provider's https:// address"),
    ("LIUYAN_SSO_ISSUER", "id.example", "Invalid LIUYAN_SSO_ISSUER: must be the provider's https:// address"),
    ("LIUYAN_SSO_ROLES", "boss=x", "Invalid LIUYAN_SSO_ROLES: 'boss=x' does not start with a role"),
    ("LIUYAN_SSO_ROLES", "admin=x,admin=y", "Invalid LIUYAN_SSO_ROLES: role 'admin' is listed twice"),
    ("LIUYAN_SSO_ROLES", "admin=x|", "Invalid LIUYAN_SSO_ROLES: role 'admin' has an empty value"),
    ("LIUYAN_SSO_SCOPES", "profile", "Invalid LIUYAN_SSO_SCOPES: "),
    ("LIUYAN_ALLOWED_HOSTS", " , ", "Invalid LIUYAN_ALLOWED_HOSTS: "),
    (
        "LIUYAN_ALLOWED_HOSTS",
        "liuyan.example:8000",
        "Invalid LIUYAN_ALLOWED_HOSTS: 'liuyan.example:8000'",
    ),
    ("LIUYAN_TRUSTED_PROXIES", "10.0.0.1/8", "Invalid LIUYAN_TRUSTED_PROXIES: 10.0.0.1/8 has host bits set"),
    ("LIUYAN_TRUSTED_PROXIES", "proxy", "Invalid LIUYAN_TRUSTED_PROXIES: 'proxy' does not appear to be"),
    ("LIUYAN_SESSION_IDLE_HOURS", "0", "Invalid LIUYAN_SESSION_IDLE_HOURS: "),
    ("LIUYAN_SECRET_KEY", "\udcff" * 32, "Invalid LIUYAN_SECRET_KEY: must be text in UTF-8."),
    ("LIUYAN_GROUP", "\udcff", "Invalid LIUYAN_GROUP: must be text in UTF-8."),
    ("LIUYAN_CACHE_DIR", "~nobody-has-this-name/x", "Invalid LIUYAN_CACHE_DIR: cannot find the home folder of"),
    ("LIUYAN_API_ADDRESS", f"host:{'9' * 5000}", "Invalid LIUYAN_API_ADDRESS: must be host:port"),
    ("LIUYAN_API_ADDRESS", "9102", "Invalid LIUYAN_API_ADDRESS: must be host:port"),
    ("LIUYAN_API_ADDRESS", "host:99999", "Invalid LIUYAN_API_ADDRESS: must be host:port"),
    ("LIUYAN_KAFAK", "host:9092", "Unknown setting LIUYAN_KAFAK. Did you mean LIUYAN_KAFKA?"),
    (
        "LIUYAN_BATCH_AGE_MILLISECONDS",
        "200",
        "LIUYAN_BATCH_AGE_MILLISECONDS no longer exists. Set LIUYAN_LATENCY_MILLISECONDS instead: ",
    ),
    (
        "LIUYAN_BATCH_PADDED_TOKENS",
        "131072",
        "LIUYAN_BATCH_PADDED_TOKENS no longer exists. Set LIUYAN_BATCH_TOKENS instead: ",
    ),
    ("LIUYAN_GROUP_FILE", "f", "Unknown setting LIUYAN_GROUP_FILE. Did you mean LIUYAN_GROUP?"),
    ("LIUYAN_BACKUP_TARGET_HOURS", "-1", "Invalid LIUYAN_BACKUP_TARGET_HOURS: must be 0 or more."),
    ("LIUYAN_ZZZZZZZZZZ", "1", "Unknown setting LIUYAN_ZZZZZZZZZZ. .env.example lists all settings."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_invalid_setting_is_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    message = str(raised.value)
    assert message.startswith(sentence)
    assert "\n" not in message
    assert raised.value.exit_status == 2


def test_batches_may_not_wait_until_the_consumer_seems_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIUYAN_STUCK_SECONDS", "20")
    monkeypatch.setenv("LIUYAN_LATENCY_MILLISECONDS", "10000")
    assert load_settings().stuck_seconds == 20
    monkeypatch.setenv("LIUYAN_LATENCY_MILLISECONDS", "10001")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == (
        "Invalid LIUYAN_STUCK_SECONDS: 20 is less than twice the 10.001 seconds of LIUYAN_LATENCY_MILLISECONDS."
    )


def test_error_does_not_contain_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIUYAN_ERASURE_KEY", "tooshortsecret")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "tooshortsecret" not in str(raised.value)


def test_missing_required_settings_are_named() -> None:
    settings = load_settings()
    with pytest.raises(SettingsError, match="LIUYAN_DATABASE_URL is not set"):
        settings.required_database_url()
    with pytest.raises(SettingsError, match="LIUYAN_ERASURE_KEY is not set"):
        settings.required_erasure_keys()


def test_env_file_is_read_and_misspelt_names_are_rejected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LIUYAN_GROUP=night\nOTHER=1\n")
    assert load_settings().group == "night"
    (tmp_path / ".env").write_text("LIUYAN_GRUOP=night\n")
    with pytest.raises(SettingsError, match=r"Unknown setting LIUYAN_GRUOP\. Did you mean LIUYAN_GROUP\?"):
        load_settings()


GOOD_LINES = "# 数据库\nLIUYAN_GROUP=night\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (GOOD_LINES.encode("utf-16"), ".env is encoded in UTF-16. Save it as UTF-8."),
        (GOOD_LINES.encode("utf-32"), ".env is encoded in UTF-32. Save it as UTF-8."),
        ("LIUYAN_KAFKA=k:1\n# 数据库\n".encode("gbk"), ".env, line 2 is not UTF-8. Save the file as UTF-8."),
        (b"A=1\r\n\r\nLIUYAN_GROUP=\xed\xa0\x80\r\n", ".env, line 3 is not UTF-8. Save the file as UTF-8."),
        (GOOD_LINES.encode("utf-16-le"), ".env, line 1 is not UTF-8. Save the file as UTF-8."),
        ("LIUYAN_GROUP=a".encode("utf-16-be"), ".env, line 1 contains a NUL character. Save the file as UTF-8."),
        (b"LIUYAN_GROUP=a\nLIUYAN_KAFKA=\0\n", ".env, line 2 contains a NUL character. Save the file as UTF-8."),
    ],
)
def test_env_file_in_another_encoding_is_a_one_line_error(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    done = run(tmp_path, "store", "status")
    assert (done.returncode, done.stderr) == (2, f"liuyan: {sentence}\n")


def test_env_file_may_start_with_a_byte_order_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LIUYAN_GROUP=night\r\n# 数据库\r\n", encoding="utf-8-sig", newline="")
    assert load_settings().group == "night"


def test_folder_named_env_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").mkdir()
    assert load_settings().group == "liuyan"


def test_unreadable_env_file_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("")

    def refuse(_: Path) -> bytes:  # Root, who may run these tests, can read any file.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingsError, match=r"^Cannot read \.env: Permission denied\.$"):
        load_settings()


def run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `liuyan` in ``folder`` with only these environment variables."""
    return subprocess.run(
        [Path(sys.executable).with_name("liuyan"), *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_topics_are_bound_to_platforms() -> None:
    assert parse_topics("comments, support=zendesk|desk") == {
        "comments": ANY_PLATFORM,
        "support": frozenset({"zendesk", "desk"}),
    }


@pytest.mark.parametrize("text", ["comments=forum | desk", " comments = forum|desk ", "comments\t=\tforum\t|\tdesk"])
def test_white_space_around_topics_and_platforms_is_ignored(text: str) -> None:
    assert parse_topics(text) == {"comments": frozenset({"forum", "desk"})}


@pytest.mark.parametrize(
    "name", ["forum", "a", "x" * 32, "x" * 33, "", "Forum", "forum\n", "论坛", "app_store-2", "a.b", "a b", "ａ", "٣"]
)
def test_settings_and_contract_agree_on_platforms(name: str) -> None:
    event = {"platform": name, "id": "1", "text": "好", "created_at": "2026-01-31T08:15:00Z"}
    accepted = isinstance(parse_value(json.dumps(event).encode()), CommentEvent)
    assert bool(PLATFORM.fullmatch(name)) == accepted


def test_white_space_in_lists_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIUYAN_KAFKA", " a:9092 , [::1]:9093,c ")
    monkeypatch.setenv("LIUYAN_ALLOWED_HOSTS", " liuyan.example , *.liuyan.example ")
    monkeypatch.setenv("LIUYAN_TRUSTED_PROXIES", " 10.0.0.1 , 10.1.0.0/16 ")
    settings = load_settings()
    assert settings.kafka == "a:9092,[::1]:9093,c"
    assert settings.allowed_hosts == ("liuyan.example", "*.liuyan.example")
    assert settings.trusted_proxies == ("10.0.0.1/32", "10.1.0.0/16")


def test_addresses_are_split_at_the_last_colon() -> None:
    assert split_address("127.0.0.1:9101") == ("127.0.0.1", 9101)
    assert split_address("[::1]:9101") == ("::1", 9101)


def test_example_describes_every_setting() -> None:
    paragraphs = EXAMPLE.read_text().strip().split("\n\n")[1:]
    described: dict[str, str] = {}
    for paragraph in paragraphs:
        *comment, assignment = paragraph.splitlines()
        name = re.fullmatch(rf"(?:# )?{PREFIX}([A-Z0-9_]+)=.*", assignment)
        assert name, f"{assignment!r} is not a setting"
        described[name[1].lower()] = " ".join(line.removeprefix("# ") for line in comment)
    assert described == {name: field.description for name, field in Settings.model_fields.items()}


def test_example_is_up_to_date() -> None:
    assert EXAMPLE.read_text() == settings_example(), "run `make env-example`"


def test_configuration_document_is_up_to_date() -> None:
    document = (EXAMPLE.parent / "docs" / "configuration.md").read_text()
    assert document == configuration_document(), "run `make configuration-doc`"
    rows = re.findall(r"^\| `(LIUYAN_[A-Z0-9_]+)` \| (.*) \| (.+) \|$", document, re.MULTILINE)
    assert [name for name, _, _ in rows] == [PREFIX + name.upper() for name in Settings.model_fields]
    assert {name for name, _, meaning in rows if meaning.startswith("*Secret.*")} == set(secret_settings())


def test_empty_secret_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ERASURE_KEY", "SECRET_KEY", "CONTACT_KEY"):
        monkeypatch.setenv(f"LIUYAN_{name}", "")
    settings = load_settings()
    assert (settings.erasure_key, settings.secret_key, settings.contact_key) == (None, None, None)


def test_example_contains_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", str(EXAMPLE))
    loaded = load_settings()
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    assert loaded == load_settings()


def test_example_values_without_default_are_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filled = re.sub(r"^# LIUYAN_", "LIUYAN_", EXAMPLE.read_text(), flags=re.MULTILINE)
    for name in ("ERASURE_KEY", "SECRET_KEY", "CONTACT_KEY"):
        filled = filled.replace(f"LIUYAN_{name}=", f"LIUYAN_{name}={'0123456789abcdef' * 2}")
    (tmp_path / "env").write_text(filled)
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / "env"))
    settings = load_settings()
    assert settings.erasure_key == SecretStr("0123456789abcdef0123456789abcdef")
    assert settings.required_database_url().startswith("mysql+aiomysql://")


@pytest.mark.parametrize(
    "command", [["store", "migrate"], ["consumer", "run"], ["consumer", "status"], ["api", "serve"]], ids=" ".join
)
def test_command_exits_with_one_line_and_status_2(tmp_path: Path, command: list[str]) -> None:
    program = Path(sys.executable).with_name("liuyan")
    done = subprocess.run(
        [program, *command],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LIUYAN_DATABASE_ULR": "sqlite+aiosqlite:///x.db"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "liuyan: Unknown setting LIUYAN_DATABASE_ULR. Did you mean LIUYAN_DATABASE_URL?\n"
    assert done.stdout == ""
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        (
            {"local_passwords": False},
            "LIUYAN_LOCAL_PASSWORDS is false without LIUYAN_SSO_ISSUER: nobody could sign in.",
        ),
        ({"admin_second_factor": True}, "LIUYAN_ADMIN_SECOND_FACTOR is true without LIUYAN_CONTACT_KEY."),
        ({"sso_issuer": "https://id.example"}, "LIUYAN_SSO_CLIENT_ID is not set. Single sign-on"),
        ({"sso_issuer": "https://id.example", "sso_client_id": "x"}, "LIUYAN_SSO_ROLES is not set. Single sign-on"),
        ({"sso_issuer": "http://127.0.0.1:1", "sso_client_id": "x", "sso_roles": "user=*"}, None),
    ],
)
def test_settings_of_signing_in_are_checked_together(changes: dict[str, Any], sentence: str | None) -> None:
    settings = Settings(_env_file=None, **changes)
    if sentence is None:
        settings.check_sign_in()
    else:
        with pytest.raises(SettingsError, match=re.escape(sentence)):
            settings.check_sign_in()
