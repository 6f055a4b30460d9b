"""Every setting of Liuyan, read from the environment (prefix ``LIUYAN_``) and from ``.env`` in the current folder.

A new setting is one field here; `make env-example` then writes ``.env.example``, and a test compares the two.
"""

import codecs
import difflib
import io
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from liuyan.errors import SettingsError
from liuyan.sentences import NOT_UNICODE, sentence_of

PREFIX = "LIUYAN_"
TEST_PREFIX = "LIUYAN_TEST_"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ANY_PLATFORM: frozenset[str] = frozenset()
# The names that the contract allows a platform, and Kafka a topic.
PLATFORM = re.compile(r"[a-z0-9_-]{1,32}")
TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
KAFKA_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class Settings(BaseSettings):
    """All settings; a frozen value that is passed to whoever needs it, never a global."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8-sig", frozen=True, extra="ignore"
    )

    kafka: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's bootstrap servers, separated by commas.")
    topics: Annotated[dict[str, frozenset[str]], NoDecode] = Field(
        {"comments": ANY_PLATFORM},
        description="Topics to consume, separated by commas; `topic=platform|platform` binds one to the platforms "
        "that may publish to it. What people keep in the admin app goes to the first that takes platform `detect`.",
    )
    group: str = Field("liuyan", min_length=1, max_length=128, description="Name of the consumer group.")

    kafka_security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How Kafka is spoken to: with TLS or without, with user and password or without."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How user and password are shown to Kafka; PLAIN sends the password itself."
    )
    kafka_sasl_username: str | None = Field(None, min_length=1, description="Our user at Kafka.", examples=["liuyan"])
    kafka_sasl_password: SecretStr | None = Field(None, description="Our password at Kafka.")
    kafka_ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities that Kafka's certificate may come from; the system's by default.",
        examples=["/etc/liuyan/kafka-ca.pem"],
    )
    kafka_certificate_file: Path | None = Field(
        None,
        description="PEM file of our own certificate, for a Kafka that wants one.",
        examples=["/etc/liuyan/kafka.pem"],
    )
    kafka_key_file: Path | None = Field(
        None, description="PEM file of our certificate's key.", examples=["/etc/liuyan/kafka.key"]
    )

    session_timeout_seconds: int = Field(
        10, ge=6, le=300, description="Seconds after which Kafka gives a dead consumer's partitions to the others."
    )

    database_url: SecretStr | None = Field(
        None,
        description="Where rows are stored: mysql+aiomysql://user:password@host:port/database, or sqlite+aiosqlite:///file.",
        examples=["mysql+aiomysql://liuyan:PASSWORD@127.0.0.1:3306/liuyan?charset=utf8mb4"],
    )
    erasure_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret for the digests of erased comments, 16 characters or more; it has no default and never "
        "changes.",
    )
    lock_wait_seconds: int = Field(
        10, ge=1, le=300, description="Seconds after which a stopped writer's locks are given up for the others."
    )
    audit_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Share of all new comments that goes into the audit sample, on which accuracy is measured without "
        "bias; a larger one adds to the sample and keeps what is in it.",
    )

    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Secret that signs the forms of the admin app, 32 characters or more; it has no default. Another "
        "one makes open pages load anew, and signs nobody out.",
    )
    contact_key: SecretStr | None = Field(
        None,
        description="Secrets that encrypt people's phone numbers and e-mail addresses, separated by commas, the newest "
        "first; without one neither is asked for.",
    )
    sign_up: Literal["open", "approval", "closed"] = Field(
        "approval", description="Whether people may make an account: open, approval (an admin lets it in) or closed."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        min_length=1,
        description="Names under which browsers may reach the API and the admin app, separated by commas; `*.name` "
        "stands for all below it.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks (CIDR) of the proxies in front, separated by commas: their X-Forwarded-For "
        "and X-Forwarded-Proto are believed.",
    )
    session_idle_hours: float = Field(
        8, gt=0, le=720, description="A session ends when nobody was seen for so many hours."
    )
    session_days: float = Field(7, gt=0, le=90, description="A session ends so many days after signing in.")

    models_dir: Path | None = Field(
        None,
        description="Folder with more model artifacts; the shipped one is always found.",
        examples=["/var/lib/liuyan/models"],
    )
    cache_dir: Path = Field(
        Path("~/.cache/liuyan"),
        description="Folder for downloads and for results that are dear to compute.",
    )
    data_dir: Path | None = Field(
        None, description="Folder with labelled comments for training.", examples=["/var/lib/liuyan/data"]
    )
    answer_cache_size: int = Field(
        20_000, ge=0, description="How many texts' answers are kept, the most frequent ones; 0 computes each text anew."
    )

    batch_records: int = Field(512, ge=1, le=10_000, description="A batch closes at this many records.")
    batch_padded_tokens: int = Field(
        131_072, ge=1_024, description="A batch closes when its records times its longest text, in tokens, reach this."
    )
    batch_bytes: int = Field(4_194_304, ge=1_024, description="A batch closes at this many bytes of keys and values.")
    batch_age_milliseconds: int = Field(
        200, ge=1, le=60_000, description="A batch closes this long after its first record."
    )

    poison_share: float = Field(
        0.5, gt=0, le=1, description="A partition is paused when more than this share of its recent records is poison."
    )
    poison_window: int = Field(
        1_000, ge=10, description="How many of a partition's latest records the share of poison is measured on."
    )

    stuck_seconds: int = Field(
        300, ge=10, description="The consumer's /livez turns red when there is lag and nothing was stored for so long."
    )

    consumer_address: str = Field(
        "127.0.0.1:9101", description="Where the consumer serves /livez, /readyz and /metrics, as host:port."
    )
    api_address: str = Field("127.0.0.1:9102", description="Where the API serves /livez, /readyz and /metrics.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe lines to write."
    )

    @field_validator("kafka")
    @classmethod
    def _check_servers(cls, value: str) -> str:
        servers = [server.strip() for server in value.split(",")]
        for server in servers:
            match = KAFKA_SERVER.fullmatch(server)
            if match is None or (match[1] and not 1 <= int(match[1]) <= 65535):
                raise ValueError(f"{server!r} is not a server: write host:port, several separated by commas")
        return ",".join(servers)

    @field_validator("group")
    @classmethod
    def _check_group(cls, value: str) -> str:
        if value != value.strip() or not value.isprintable():
            raise ValueError(f"{value!r} begins or ends with white space or contains a control character")
        return value

    @field_validator("erasure_key", "secret_key", "contact_key", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("topics", mode="before")
    @classmethod
    def _read_topics(cls, value: object) -> object:
        return parse_topics(value) if isinstance(value, str) else value

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"(\*\.)?[\w.-]+|\[[0-9A-Fa-f:.]+\]", host):
                raise ValueError(f"{host!r} is not a host: write names or addresses without port, like liuyan.example")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(network)) for network in value)
        except ValueError as error:
            raise ValueError(f"{error}; write addresses or networks, like 10.0.0.0/8") from None

    @field_validator("contact_key")
    @classmethod
    def _check_contact_key(cls, value: SecretStr | None) -> SecretStr | None:
        for key in split_keys(value):
            if len(key) < 32:
                raise ValueError("each key has 32 characters or more: make one with `openssl rand -hex 32`")
        return value

    @field_validator("consumer_address", "api_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        split_address(value)
        return value

    @field_validator("cache_dir", "models_dir", "data_dir", "kafka_ca_file", "kafka_certificate_file", "kafka_key_file")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        try:
            return value.expanduser() if value is not None else None
        except RuntimeError:
            raise ValueError(f"the home folder of {value} is not known: write the whole path") from None

    def required_database_url(self) -> str:
        """The database's URL. Raises SettingsError when it is not set."""
        if self.database_url is None:
            raise SettingsError("LIUYAN_DATABASE_URL is not set: say where rows are stored, see .env.example.")
        return self.database_url.get_secret_value()

    def required_erasure_key(self) -> bytes:
        """The key of the erasures' digests. Raises SettingsError when it is not set."""
        if self.erasure_key is None:
            raise SettingsError(
                "LIUYAN_ERASURE_KEY is not set: make a secret with `openssl rand -hex 32` and keep it for good."
            )
        return self.erasure_key.get_secret_value().encode()

    def required_secret_key(self) -> str:
        """The secret that signs forms. Raises SettingsError when it is not set."""
        if self.secret_key is None:
            raise SettingsError(
                "LIUYAN_SECRET_KEY is not set: make a secret with `openssl rand -hex 32`; every API process of this "
                "database takes the same one."
            )
        return self.secret_key.get_secret_value()

    def contact_keys(self) -> tuple[str, ...]:
        """The secrets that encrypt phone numbers and e-mail addresses, the newest first; maybe none."""
        return split_keys(self.contact_key)


def split_keys(secret: SecretStr | None) -> tuple[str, ...]:
    """The keys in a setting that holds several, separated by commas."""
    parts = secret.get_secret_value().split(",") if secret else []
    return tuple(filter(None, (part.strip() for part in parts)))


def parse_topics(text: str) -> dict[str, frozenset[str]]:
    """Read ``comments, support = zendesk | desk`` as topic -> platforms; an empty set means all platforms.

    White space around names is ignored. Raises ValueError for an empty part, a duplicate, and a name that no topic or
    platform can have.
    """
    if not text.strip(" ,"):
        raise ValueError("name at least one topic")
    topics: dict[str, frozenset[str]] = {}
    for part in text.split(","):
        topic, binds, platforms = part.partition("=")
        name = topic.strip()
        if not name:
            raise ValueError(f"{text!r} has an empty part: write `topic` or `topic=platform|platform`, comma-separated")
        if not TOPIC.fullmatch(name) or name in (".", ".."):
            raise ValueError(f"{name!r} is not a topic: a name has up to 249 of the characters A-Z, a-z, 0-9, ._-")
        if name in topics:
            raise ValueError(f"topic {name!r} is named twice: name each topic once")
        topics[name] = _parse_platforms(name, platforms) if binds else ANY_PLATFORM
    return topics


def _parse_platforms(topic: str, text: str) -> frozenset[str]:
    names = [name.strip() for name in text.split("|")]
    for name in names:
        if not name:
            raise ValueError(f"topic {topic!r} has an empty platform: write it as `{topic}=platform|platform`")
        if not PLATFORM.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a platform: a name has up to 32 of the characters a-z, 0-9, _ and -, so no event "
                "could carry it"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"topic {topic!r} names a platform twice: name each platform once")
    return frozenset(names)


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("write it as host:port, for example 127.0.0.1:9101")
    return host.strip("[]"), int(port)


def load_settings() -> Settings:
    """Read the settings. Raises SettingsError with one sentence that names the file or the variable that is wrong."""
    env_file = Settings.model_config.get("env_file")
    _refuse_unknown([*os.environ, *(_read_names(Path(str(env_file))) if env_file else ())])
    _refuse_undecodable(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper().removeprefix(PREFIX)
        raise SettingsError(f"{name} is wrong: {sentence_of(first)}.") from None


def _refuse_undecodable(environment: Mapping[str, str]) -> None:
    """Bytes of the environment that are not UTF-8 arrive as surrogates, which nothing that takes a setting can use."""
    for name, value in environment.items():
        if name.startswith(PREFIX) and any("\ud800" <= character <= "\udfff" for character in value):
            raise SettingsError(f"{name} is wrong: {NOT_UNICODE}.")


def _read_names(file: Path) -> Iterable[str]:
    """The names that a file of settings sets; none where there is no such file. Raises SettingsError.

    A folder of this name is somebody's virtual environment, and is left alone.
    """
    if not file.is_file():
        return ()
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    return dotenv_values(stream=io.StringIO(_decode(content, file)))


def _decode(content: bytes, file: Path) -> str:
    for encoding, marks in (("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)), ("UTF-16", UTF_16_MARKS)):
        if content.startswith(marks):
            raise SettingsError(f"{file}, line 1: the file is in {encoding}; save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}, line {_line(content, error.start)}: this is not UTF-8; save it as UTF-8."
        ) from None
    if "\0" in text:
        raise SettingsError(
            f"{file}, line {_line(content, content.index(0))}: a NUL character; save the file as UTF-8."
        )
    return text


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _refuse_unknown(names: Iterable[str]) -> None:
    """A misspelt setting would be ignored in silence and its default used: refuse it."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in names:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "the known ones are in .env.example."
            raise SettingsError(f"{name} is not a setting: {hint}")
