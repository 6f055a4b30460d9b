"""Settings: each is in .env.example with its sentence, and a wrong one stops the program with one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from consumer.event import CommentEvent, parse_value
from liuyan.errors import SettingsError
from liuyan.settings import ANY_PLATFORM, PLATFORM, PREFIX, Settings, load_settings, parse_topics, split_address
from liuyan.settings_example import settings_example

pytestmark = pytest.mark.programs

EXAMPLE = Path(__file__).parent.parent / ".env.example"

WRONG = [
    ("LIUYAN_BATCH_RECORDS", "many", "LIUYAN_BATCH_RECORDS is wrong: must be a whole number."),
    ("LIUYAN_BATCH_RECORDS", "0", "LIUYAN_BATCH_RECORDS is wrong: must be 1 or more."),
    ("LIUYAN_POISON_SHARE", "1.5", "LIUYAN_POISON_SHARE is wrong: must be 1 or less."),
    ("LIUYAN_KAFKA", "", "LIUYAN_KAFKA is wrong: must not be empty."),
    ("LIUYAN_LOG_LEVEL", "loud", "LIUYAN_LOG_LEVEL is wrong: must be 'debug', 'info', 'warning' or 'error'."),
    ("LIUYAN_KAFKA", " ", "LIUYAN_KAFKA is wrong: '' is not a server"),
    ("LIUYAN_KAFKA", "a:9092,,b:9092", "LIUYAN_KAFKA is wrong: '' is not a server"),
    ("LIUYAN_KAFKA", "a:9092 b:9092", "LIUYAN_KAFKA is wrong: 'a:9092 b:9092' is not a server"),
    ("LIUYAN_KAFKA", "PLAINTEXT://a:9092", "LIUYAN_KAFKA is wrong: 'PLAINTEXT://a:9092' is not a server"),
    ("LIUYAN_KAFKA", "a:port", "LIUYAN_KAFKA is wrong: 'a:port' is not a server"),
    ("LIUYAN_KAFKA", "a:0", "LIUYAN_KAFKA is wrong: 'a:0' is not a server"),
    ("LIUYAN_GROUP", " night", "LIUYAN_GROUP is wrong: ' night' begins or ends with white space"),
    ("LIUYAN_TOPICS", "comments,comments", "LIUYAN_TOPICS is wrong: topic 'comments' is named twice"),
    ("LIUYAN_TOPICS", "comments, comments =forum", "LIUYAN_TOPICS is wrong: topic 'comments' is named twice"),
    ("LIUYAN_TOPICS", "comments=", "LIUYAN_TOPICS is wrong: topic 'comments' has an empty platform"),
    ("LIUYAN_TOPICS", "comments=forum| |desk", "LIUYAN_TOPICS is wrong: topic 'comments' has an empty platform"),
    ("LIUYAN_TOPICS", "comments=forum|desk|forum", "LIUYAN_TOPICS is wrong: topic 'comments' names a platform twice"),
    ("LIUYAN_TOPICS", "comments,", "LIUYAN_TOPICS is wrong: 'comments,' has an empty part"),
    ("LIUYAN_TOPICS", "=forum", "LIUYAN_TOPICS is wrong: '=forum' has an empty part"),
    ("LIUYAN_TOPICS", "my comments", "LIUYAN_TOPICS is wrong: 'my comments' is not a topic"),
    ("LIUYAN_TOPICS", "评论", "LIUYAN_TOPICS is wrong: '评论' is not a topic"),
    ("LIUYAN_TOPICS", "..", "LIUYAN_TOPICS is wrong: '..' is not a topic"),
    ("LIUYAN_TOPICS", "c" * 250, "LIUYAN_TOPICS is wrong: 'ccc"),
    ("LIUYAN_TOPICS", "comments=Forum", "LIUYAN_TOPICS is wrong: 'Forum' is not a platform"),
    ("LIUYAN_TOPICS", "comments=forum,desk|shop", "LIUYAN_TOPICS is wrong: 'desk|shop' is not a topic"),
    ("LIUYAN_TOPICS", "comments=forum=desk", "LIUYAN_TOPICS is wrong: 'forum=desk' is not a platform"),
    ("LIUYAN_TOPICS", "comments=" + "x" * 33, "LIUYAN_TOPICS is wrong: 'xxx"),
    ("LIUYAN_TOPICS", " , ", "LIUYAN_TOPICS is wrong: name at least one topic"),
    ("LIUYAN_ERASURE_KEY", "short", "LIUYAN_ERASURE_KEY is wrong: must have 16 or more characters."),
    ("LIUYAN_SECRET_KEY", "short", "LIUYAN_SECRET_KEY is wrong: must have 32 or more characters."),
    ("LIUYAN_CONTACT_KEY", "short", "LIUYAN_CONTACT_KEY is wrong: each key has 32 characters or more"),
    ("LIUYAN_SIGN_UP", "maybe", "LIUYAN_SIGN_UP is wrong: "),
    ("LIUYAN_ALLOWED_HOSTS", " , ", "LIUYAN_ALLOWED_HOSTS is wrong: "),
    (
        "LIUYAN_ALLOWED_HOSTS",
        "liuyan.example:8000",
        "LIUYAN_ALLOWED_HOSTS is wrong: 'liuyan.example:8000'",
    ),
    ("LIUYAN_TRUSTED_PROXIES", "10.0.0.1/8", "LIUYAN_TRUSTED_PROXIES is wrong: 10.0.0.1/8 has host bits set"),
    ("LIUYAN_TRUSTED_PROXIES", "proxy", "LIUYAN_TRUSTED_PROXIES is wrong: 'proxy' does not appear to be"),
    ("LIUYAN_SESSION_IDLE_HOURS", "0", "LIUYAN_SESSION_IDLE_HOURS is wrong: "),
    ("LIUYAN_SECRET_KEY", "\udcff" * 32, "LIUYAN_SECRET_KEY is wrong: must be text in UTF-8."),
    ("LIUYAN_GROUP", "\udcff", "LIUYAN_GROUP is wrong: must be text in UTF-8."),
    ("LIUYAN_CACHE_DIR", "~nobody-has-this-name/x", "LIUYAN_CACHE_DIR is wrong: the home folder of"),
    ("LIUYAN_API_ADDRESS", f"host:{'9' * 5000}", "LIUYAN_API_ADDRESS is wrong: write it as host:port"),
    ("LIUYAN_API_ADDRESS", "9102", "LIUYAN_API_ADDRESS is wrong: write it as host:port"),
    ("LIUYAN_API_ADDRESS", "host:99999", "LIUYAN_API_ADDRESS is wrong: write it as host:port"),
    ("LIUYAN_KAFAK", "host:9092", "LIUYAN_KAFAK is not a setting: did you mean LIUYAN_KAFKA?"),
    ("LIUYAN_ZZZZZZZZZZ", "1", "LIUYAN_ZZZZZZZZZZ is not a setting: the known ones are in .env.example."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_setting_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    message = str(raised.value)
    assert message.startswith(sentence)
    assert "\n" not in message
    assert raised.value.exit_status == 2


def test_a_secret_does_not_show_in_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIUYAN_ERASURE_KEY", "tooshortsecret")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "tooshortsecret" not in str(raised.value)


def test_what_must_be_set_is_asked_for_by_name() -> None:
    settings = load_settings()
    with pytest.raises(SettingsError, match="LIUYAN_DATABASE_URL is not set"):
        settings.required_database_url()
    with pytest.raises(SettingsError, match="LIUYAN_ERASURE_KEY is not set"):
        settings.required_erasure_key()


def test_an_env_file_is_read_and_a_misspelt_name_in_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LIUYAN_GROUP=night\nOTHER=1\n")
    assert load_settings().group == "night"
    (tmp_path / ".env").write_text("LIUYAN_GRUOP=night\n")
    with pytest.raises(SettingsError, match="LIUYAN_GRUOP is not a setting: did you mean LIUYAN_GROUP"):
        load_settings()


GOOD_LINES = "# 数据库\nLIUYAN_GROUP=night\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (GOOD_LINES.encode("utf-16"), ".env, line 1: the file is in UTF-16; save it as UTF-8."),
        (GOOD_LINES.encode("utf-32"), ".env, line 1: the file is in UTF-32; save it as UTF-8."),
        ("LIUYAN_KAFKA=k:1\n# 数据库\n".encode("gbk"), ".env, line 2: this is not UTF-8; save it as UTF-8."),
        (b"A=1\r\n\r\nLIUYAN_GROUP=\xed\xa0\x80\r\n", ".env, line 3: this is not UTF-8; save it as UTF-8."),
        (GOOD_LINES.encode("utf-16-le"), ".env, line 1: this is not UTF-8; save it as UTF-8."),
        ("LIUYAN_GROUP=a".encode("utf-16-be"), ".env, line 1: a NUL character; save the file as UTF-8."),
        (b"LIUYAN_GROUP=a\nLIUYAN_KAFKA=\0\n", ".env, line 2: a NUL character; save the file as UTF-8."),
    ],
)
def test_an_env_file_in_another_encoding_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    done = run(tmp_path, "store", "status")
    assert (done.returncode, done.stderr) == (2, f"liuyan: {sentence}\n")


def test_an_env_file_may_begin_with_a_byte_order_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LIUYAN_GROUP=night\r\n# 数据库\r\n", encoding="utf-8-sig", newline="")
    assert load_settings().group == "night"


def test_a_folder_called_env_is_somebody_elses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").mkdir()
    assert load_settings().group == "liuyan"


def test_an_env_file_that_cannot_be_read_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("")

    def refuse(_: Path) -> bytes:  # Nothing is closed to root, who may run these tests.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingsError, match=r"^\.env cannot be read: Permission denied\.$"):
        load_settings()


def run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `liuyan` in a folder of its own, with these variables alone."""
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


def test_every_setting_stands_in_the_example_with_its_sentence() -> None:
    paragraphs = EXAMPLE.read_text().strip().split("\n\n")[1:]
    described: dict[str, str] = {}
    for paragraph in paragraphs:
        *comment, assignment = paragraph.splitlines()
        name = re.fullmatch(rf"(?:# )?{PREFIX}([A-Z_]+)=.*", assignment)
        assert name, f"{assignment!r} is no setting"
        described[name[1].lower()] = " ".join(line.removeprefix("# ") for line in comment)
    assert described == {name: field.description for name, field in Settings.model_fields.items()}


def test_the_example_is_what_the_settings_give() -> None:
    assert EXAMPLE.read_text() == settings_example(), "write it again: make env-example"


def test_an_empty_secret_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ERASURE_KEY", "SECRET_KEY", "CONTACT_KEY"):
        monkeypatch.setenv(f"LIUYAN_{name}", "")
    settings = load_settings()
    assert (settings.erasure_key, settings.secret_key, settings.contact_key) == (None, None, None)


def test_the_example_is_loaded_and_holds_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", str(EXAMPLE))
    loaded = load_settings()
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    assert loaded == load_settings()


def test_settings_without_a_default_are_right_when_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
def test_a_command_ends_with_one_line_and_status_2(tmp_path: Path, command: list[str]) -> None:
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
    assert done.stderr == "liuyan: LIUYAN_DATABASE_ULR is not a setting: did you mean LIUYAN_DATABASE_URL?\n"
    assert done.stdout == ""
    assert done.returncode == 2
