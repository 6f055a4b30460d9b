"""Settings, read from environment variables (prefix ``LIUYAN_``) and from ``.env`` in the current folder.

To add a setting, add a field and run `make env-example`, which writes ``.env.example``; a test compares the two.
"""

import codecs
import difflib
import io
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from liuyan.errors import SettingsError
from liuyan.secret_files import SUFFIX, read_secret_files
from liuyan.sentences import NOT_UNICODE, sentence_of

PREFIX = "LIUYAN_"
TEST_PREFIX = "LIUYAN_TEST_"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ANY_PLATFORM: frozenset[str] = frozenset()
# The platform of texts that are saved in the admin app.
DETECTION_PLATFORM = "detect"
# Platform names that the contract allows, and topic names that Kafka allows.
PLATFORM = re.compile(r"[a-z0-9_-]{1,32}")
TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
KAFKA_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class Settings(BaseSettings):
    """All settings. Frozen, and passed as an argument, never a global."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8-sig", frozen=True, extra="ignore"
    )

    kafka: str = Field("127.0.0.1:9092", min_length=1, description="Kafka bootstrap servers, comma-separated.")
    topics: Annotated[dict[str, frozenset[str]], NoDecode] = Field(
        {"comments": ANY_PLATFORM, "detect": frozenset({DETECTION_PLATFORM})},
        description="Topics to consume, comma-separated. `topic=platform|platform` accepts only events of these "
        "platforms, so that no platform can change or erase the comments of another one: list yours. Texts saved in "
        "the admin app have the platform `detect`, which needs a topic that names it.",
    )
    group: str = Field("liuyan", min_length=1, max_length=128, description="Consumer group.")

    kafka_security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="Security protocol for Kafka: plaintext, ssl, sasl_plaintext or sasl_ssl."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512",
        description="SASL mechanism: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN, which sends the password itself.",
    )
    kafka_sasl_username: str | None = Field(
        None, min_length=1, description="SASL user name for Kafka.", examples=["liuyan"]
    )
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password for Kafka.")
    kafka_ca_file: Path | None = Field(
        None,
        description="PEM file of the certificate authorities for Kafka's certificate. Default: the system's.",
        examples=["/etc/liuyan/kafka-ca.pem"],
    )
    kafka_certificate_file: Path | None = Field(
        None,
        description="PEM file of the client certificate, if Kafka requires one.",
        examples=["/etc/liuyan/kafka.pem"],
    )
    kafka_key_file: Path | None = Field(
        None, description="PEM file of the client certificate's private key.", examples=["/etc/liuyan/kafka.key"]
    )

    session_timeout_seconds: int = Field(
        10, ge=6, le=300, description="Seconds after which Kafka reassigns the partitions of a dead consumer."
    )

    database_url: SecretStr | None = Field(
        None,
        description="Database URL: mysql+aiomysql://user:password@host:port/database or sqlite+aiosqlite:///file.",
        examples=["mysql+aiomysql://liuyan:PASSWORD@127.0.0.1:3306/liuyan?charset=utf8mb4"],
    )
    erasure_key: SecretStr | None = Field(
        None,
        description="Secrets for the digests of erased comments, at least 16 characters each, comma-separated, newest "
        "first. Required; only ever add a key in front, because the older ones stay in use.",
    )
    backup_target_hours: float = Field(
        26,
        ge=0,
        le=8_784,
        description="Hours within which the database must be backed up again; later an alert fires. 0 disables the "
        "alert.",
    )
    lock_wait_seconds: int = Field(
        10, ge=1, le=300, description="Seconds after which the database releases the locks of a suspended consumer."
    )
    audit_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Share of new comments in the audit sample, on which accuracy is measured without bias. A larger "
        "share extends the sample and keeps its comments.",
    )

    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Secret that signs the forms of the admin app, at least 32 characters. Required by the API. After "
        "a change, open pages must be reloaded; sessions remain valid.",
    )
    contact_key: SecretStr | None = Field(
        None,
        description="Secrets that encrypt phone numbers and e-mail addresses, comma-separated, newest first. Without "
        "one, the sign-up form asks for neither.",
    )
    sign_up: Literal["open", "approval", "closed"] = Field(
        "approval",
        description="Who can create an account: everyone (open), everyone with an admin's approval (approval), or "
        "nobody (closed).",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        min_length=1,
        description="Host names of the API and the admin app, comma-separated. `*.name` matches all subdomains.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks (CIDR) of reverse proxies, comma-separated. Their X-Forwarded-For and "
        "X-Forwarded-Proto headers are trusted.",
    )
    session_idle_hours: float = Field(8, gt=0, le=720, description="Hours of inactivity after which a session expires.")
    session_days: float = Field(7, gt=0, le=90, description="Days after signing in when a session expires.")

    models_dir: Path | None = Field(
        None,
        description="Folder with model artifacts, in addition to the shipped one.",
        examples=["/var/lib/liuyan/models"],
    )
    cache_dir: Path = Field(
        Path("~/.cache/liuyan"),
        description="Folder for downloads and cached results.",
    )
    data_dir: Path | None = Field(
        None, description="Folder with labelled comments for training.", examples=["/var/lib/liuyan/data"]
    )
    answer_cache_size: int = Field(
        20_000, ge=0, description="Number of texts whose predictions are cached, most frequent first; 0 disables it."
    )

    batch_records: int = Field(512, ge=1, le=10_000, description="A batch closes at this many records.")
    batch_padded_tokens: int = Field(
        131_072,
        ge=1_024,
        description="A batch closes when its number of records times its longest text reaches this many tokens.",
    )
    batch_bytes: int = Field(4_194_304, ge=1_024, description="A batch closes at this many bytes of keys and values.")
    batch_age_milliseconds: int = Field(
        200, ge=1, le=60_000, description="A batch closes this many milliseconds after its first record."
    )

    poison_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="The circuit breaker pauses a partition if more than this share of its latest records is poison.",
    )
    poison_window: int = Field(
        1_000, ge=10, description="Number of a partition's latest records that the circuit breaker considers."
    )

    dead_letter_days: int = Field(
        365,
        ge=0,
        le=36_500,
        description="Days after which consumers delete dead letters with their records, in any state; 0 keeps them.",
    )

    model_grace_seconds: float = Field(
        600,
        ge=0,
        description="Seconds for which a consumer that cannot load the active model continues with the previous one. "
        "Then it takes no records until it can load it.",
    )
    stuck_seconds: int = Field(
        300, ge=10, description="The consumer's /livez fails if there is lag and it stores nothing for this long."
    )

    consumer_address: str = Field(
        "127.0.0.1:9101", description="Address of the consumer's /livez, /readyz and /metrics, as host:port."
    )
    api_address: str = Field(
        "127.0.0.1:9102", description="Address of the API's /livez, /readyz and /metrics, as host:port."
    )
    metrics_platforms: int = Field(
        20, ge=0, le=1_000, description="Number of platforms with their own metrics; all others are counted as `other`."
    )
    log_format: Literal["console", "json"] = Field("console", description="Log format: console or json.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level to log: debug, info, warning or error."
    )

    @field_validator("kafka")
    @classmethod
    def _check_servers(cls, value: str) -> str:
        servers = [server.strip() for server in value.split(",")]
        for server in servers:
            match = KAFKA_SERVER.fullmatch(server)
            if match is None or (match[1] and not 1 <= int(match[1]) <= 65535):
                raise ValueError(f"{server!r} is not host:port; separate several servers by commas")
        return ",".join(servers)

    @field_validator("group")
    @classmethod
    def _check_group(cls, value: str) -> str:
        if value != value.strip() or not value.isprintable():
            raise ValueError(f"{value!r} starts or ends with white space or contains a control character")
        return value

    @field_validator("database_url", "kafka_sasl_password", "erasure_key", "secret_key", "contact_key", mode="before")
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
                raise ValueError(f"{host!r} is not a host name or address without port, such as liuyan.example")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(network)) for network in value)
        except ValueError as error:
            raise ValueError(f"{error}; use addresses or networks, such as 10.0.0.0/8") from None

    @field_validator("contact_key")
    @classmethod
    def _check_contact_key(cls, value: SecretStr | None) -> SecretStr | None:
        for key in split_keys(value):
            if len(key) < 32:
                raise ValueError("each key must have at least 32 characters; create one with `openssl rand -hex 32`")
        return value

    @field_validator("erasure_key")
    @classmethod
    def _check_erasure_key(cls, value: SecretStr | None) -> SecretStr | None:
        keys = split_keys(value)
        if value is not None and (not keys or any(len(key) < 16 for key in keys)):
            raise ValueError("each key must have at least 16 characters; create one with `openssl rand -hex 32`")
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
            raise ValueError(f"cannot find the home folder of {value}; use an absolute path") from None

    def required_database_url(self) -> str:
        """Return the database URL. Raises SettingsError if it is not set."""
        if self.database_url is None:
            raise SettingsError("LIUYAN_DATABASE_URL is not set. Set it to the URL of a database, see .env.example.")
        return self.database_url.get_secret_value()

    def required_erasure_keys(self) -> tuple[bytes, ...]:
        """Return the keys for the digests of erased comments, newest first. Raises SettingsError if none is set."""
        if self.erasure_key is None:
            raise SettingsError(
                "LIUYAN_ERASURE_KEY is not set. Create a secret with `openssl rand -hex 32` and never change it."
            )
        return tuple(key.encode() for key in split_keys(self.erasure_key))

    def required_secret_key(self) -> str:
        """Return the secret that signs forms. Raises SettingsError if it is not set."""
        if self.secret_key is None:
            raise SettingsError(
                "LIUYAN_SECRET_KEY is not set. Create a secret with `openssl rand -hex 32` and use it for all API "
                "processes of this database."
            )
        return self.secret_key.get_secret_value()

    def contact_keys(self) -> tuple[str, ...]:
        """Return the secrets that encrypt phone numbers and e-mail addresses, newest first; may be empty."""
        return split_keys(self.contact_key)


def split_keys(secret: SecretStr | None) -> tuple[str, ...]:
    """Return the keys of a comma-separated setting."""
    parts = secret.get_secret_value().split(",") if secret else []
    return tuple(filter(None, (part.strip() for part in parts)))


def parse_topics(text: str) -> dict[str, frozenset[str]]:
    """Parse ``comments, support = zendesk | desk`` into platforms by topic; an empty set means all platforms.

    White space around names is ignored. Raises ValueError for empty parts, duplicates and invalid names.
    """
    if not text.strip(" ,"):
        raise ValueError("specify at least one topic")
    topics: dict[str, frozenset[str]] = {}
    for part in text.split(","):
        topic, has_platforms, platforms = part.partition("=")
        name = topic.strip()
        if not name:
            raise ValueError(f"{text!r} has an empty part; use `topic` or `topic=platform|platform`, comma-separated")
        if not TOPIC.fullmatch(name) or name in (".", ".."):
            raise ValueError(f"topic {name!r} is invalid; use up to 249 of the characters A-Z, a-z, 0-9, ., _ and -")
        if name in topics:
            raise ValueError(f"topic {name!r} is listed twice")
        topics[name] = _parse_platforms(name, platforms) if has_platforms else ANY_PLATFORM
    return topics


def _parse_platforms(topic: str, text: str) -> frozenset[str]:
    names = [name.strip() for name in text.split("|")]
    for name in names:
        if not name:
            raise ValueError(f"topic {topic!r} has an empty platform; use `{topic}=platform|platform`")
        if not PLATFORM.fullmatch(name):
            raise ValueError(f"platform {name!r} is invalid; use up to 32 of the characters a-z, 0-9, _ and -")
    if len(set(names)) < len(names):
        raise ValueError(f"topic {topic!r} lists a platform twice")
    return frozenset(names)


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:9101")
    return host.strip("[]"), int(port)


def secret_settings() -> tuple[str, ...]:
    """Return the names of the settings that can be read from a file, such as LIUYAN_SECRET_KEY."""
    fields = Settings.model_fields.items()
    return tuple(PREFIX + name.upper() for name, field in fields if SecretStr in get_args(field.annotation))


def load_settings() -> Settings:
    """Load the settings. Raises SettingsError, which names the file or variable at fault."""
    env_file = Settings.model_config.get("env_file")
    values = {**(_read_values(Path(str(env_file))) if env_file else {}), **os.environ}
    _check_names(values)
    _check_encoding(os.environ)
    secrets = read_secret_files(secret_settings(), values)
    try:
        return Settings(**{name.removeprefix(PREFIX).lower(): SecretStr(value) for name, value in secrets.items()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper().removeprefix(PREFIX)
        raise SettingsError(f"Invalid {name}{SUFFIX if name in secrets else ''}: {sentence_of(first)}.") from None


def _check_encoding(environment: Mapping[str, str]) -> None:
    """Raise SettingsError for values that are not UTF-8, which Python represents as surrogates."""
    for name, value in environment.items():
        if name.startswith(PREFIX) and any("\ud800" <= character <= "\udfff" for character in value):
            raise SettingsError(f"Invalid {name}: {NOT_UNICODE}.")


def _read_values(file: Path) -> Mapping[str, str | None]:
    """Return what a settings file sets; empty if it does not exist. Raises SettingsError.

    A folder of this name is a virtual environment and is ignored.
    """
    if not file.is_file():
        return {}
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"Cannot read {file}: {error.strerror}.") from None
    return dotenv_values(stream=io.StringIO(_decode(content, file)))


def _decode(content: bytes, file: Path) -> str:
    for encoding, marks in (("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)), ("UTF-16", UTF_16_MARKS)):
        if content.startswith(marks):
            raise SettingsError(f"{file} is encoded in {encoding}. Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}, line {_line_number(content, error.start)} is not UTF-8. Save the file as UTF-8."
        ) from None
    if "\0" in text:
        raise SettingsError(
            f"{file}, line {_line_number(content, content.index(0))} contains a NUL character. Save the file as UTF-8."
        )
    return text


def _line_number(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _check_names(names: Iterable[str]) -> None:
    """Raise SettingsError for an unknown name: a misspelt setting would be ignored silently."""
    known = [PREFIX + name.upper() for name in Settings.model_fields] + [name + SUFFIX for name in secret_settings()]
    for name in names:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else ".env.example lists all settings."
            raise SettingsError(f"Unknown setting {name}. {hint}")
