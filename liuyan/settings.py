"""Settings, read from environment variables (prefix ``LIUYAN_``) and from ``.env`` in the current folder.

To add a setting, add a field and run `make env-example`, which writes ``.env.example``; a test compares the two. Types
that check more than a range are in ``setting_types``.
"""

import os
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from liuyan.errors import SettingsError
from liuyan.secret_files import SUFFIX, read_secret_files
from liuyan.sentences import sentence_of
from liuyan.setting_types import (
    Address,
    AuditLogDays,
    ClaimValues,
    ContactKeys,
    ErasureKeys,
    Folder,
    Group,
    HostNames,
    Issuer,
    KafkaServers,
    Networks,
    OptionalPath,
    Secret,
    Topics,
    split_keys,
)
from liuyan.settings_file import PREFIX, check_encoding, check_names, read_values
from liuyan.single_sign_on import SingleSignOn
from liuyan.topics import ANY_PLATFORM

# The platform of texts that are saved in the admin app.
DETECTION_PLATFORM = "detect"


class Settings(BaseSettings):
    """All settings. Frozen, and passed as an argument, never a global."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8-sig", frozen=True, extra="ignore"
    )

    kafka: KafkaServers = Field("127.0.0.1:9092", description="Kafka bootstrap servers, comma-separated.")
    topics: Topics = Field(
        {"comments": ANY_PLATFORM, "detect": frozenset({DETECTION_PLATFORM})},
        description="Topics to consume, comma-separated. `topic=platform|platform` accepts only events of these "
        "platforms, so that no platform can change or erase the comments of another one: list yours. Texts saved in "
        "the admin app have the platform `detect`, which needs a topic that names it.",
    )
    group: Group = Field("liuyan", description="Consumer group.")

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
    kafka_sasl_password: Secret = Field(None, description="SASL password for Kafka.")
    kafka_ca_file: OptionalPath = Field(
        None,
        description="PEM file of the certificate authorities for Kafka's certificate. Default: the system's.",
        examples=["/etc/liuyan/kafka-ca.pem"],
    )
    kafka_certificate_file: OptionalPath = Field(
        None,
        description="PEM file of the client certificate, if Kafka requires one.",
        examples=["/etc/liuyan/kafka.pem"],
    )
    kafka_key_file: OptionalPath = Field(
        None, description="PEM file of the client certificate's private key.", examples=["/etc/liuyan/kafka.key"]
    )

    session_timeout_seconds: int = Field(
        10, ge=6, le=300, description="Seconds after which Kafka reassigns the partitions of a dead consumer."
    )

    database_url: Secret = Field(
        None,
        description="Database URL: mysql+aiomysql://user:password@host:port/database or sqlite+aiosqlite:///file.",
        examples=["mysql+aiomysql://liuyan:PASSWORD@127.0.0.1:3306/liuyan?charset=utf8mb4"],
    )
    erasure_key: ErasureKeys = Field(
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

    secret_key: Secret = Field(
        None,
        min_length=32,
        description="Secret that signs the forms of the admin app, at least 32 characters. Required by the API. After "
        "a change, open pages must be reloaded; sessions remain valid.",
    )
    contact_key: ContactKeys = Field(
        None,
        description="Secrets that encrypt phone numbers, e-mail addresses and the secrets of second factors, "
        "comma-separated, newest first. Without one, there are none of them.",
    )
    sign_up: Literal["open", "approval", "closed"] = Field(
        "approval",
        description="Who can create an account: everyone (open), everyone with an admin's approval (approval), or "
        "nobody (closed).",
    )
    sso_issuer: Issuer = Field(
        None,
        description="Issuer of the OpenID Connect provider for single sign-on, exactly as its metadata names it. The "
        "client id and the roles below are then required.",
        examples=["https://id.example.com/realms/staff"],
    )
    sso_client_id: str | None = Field(
        None, min_length=1, description="Client id that the provider gave Liuyan.", examples=["liuyan"]
    )
    sso_client_secret: Secret = Field(
        None, description="Client secret that the provider gave Liuyan. Without one Liuyan is a public client."
    )
    sso_scopes: str = Field(
        "openid profile", pattern=r"(^|.* )openid( .*|$)", description="Scopes to request, separated by spaces."
    )
    sso_role_claim: str = Field(
        "groups",
        min_length=1,
        description="Claim with the groups or roles of a person, in the ID token or from the provider's userinfo "
        "endpoint. Dots lead into nested claims, as in realm_access.roles.",
    )
    sso_roles: ClaimValues = Field(
        None,
        description="Values of that claim that grant a role, comma-separated; `*` grants it to everybody. The highest "
        "role counts. People without one cannot sign in.",
        examples=["admin=liuyan-admins,reviewer=liuyan-reviewers|support,user=*"],
    )
    sso_name: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Text on the button for single sign-on.",
        examples=["公司账号登录"],
    )
    local_passwords: bool = Field(
        True,
        description="Whether accounts can sign in with a password; false leaves single sign-on alone, with "
        "`liuyan api break-glass` for emergencies. Tokens are unaffected.",
    )
    admin_second_factor: bool = Field(
        False,
        description="Whether admins who sign in with a password must set up a second factor (TOTP) before anything "
        "else. This requires a contact key.",
    )
    allowed_hosts: HostNames = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        min_length=1,
        description="Host names of the API and the admin app, comma-separated. `*.name` matches all subdomains.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses or networks (CIDR) of reverse proxies, comma-separated. Their X-Forwarded-For and "
        "X-Forwarded-Proto headers are trusted.",
    )
    session_idle_hours: float = Field(8, gt=0, le=720, description="Hours of inactivity after which a session expires.")
    session_days: float = Field(7, gt=0, le=90, description="Days after signing in when a session expires.")

    models_dir: OptionalPath = Field(
        None,
        description="Folder with model artifacts, in addition to the shipped one.",
        examples=["/var/lib/liuyan/models"],
    )
    cache_dir: Folder = Field(
        Path("~/.cache/liuyan"),
        description="Folder for downloads and cached results.",
    )
    data_dir: OptionalPath = Field(
        None, description="Folder with labelled comments for training.", examples=["/var/lib/liuyan/data"]
    )
    answer_cache_size: int = Field(
        20_000, ge=0, description="Number of texts whose predictions are cached, most frequent first; 0 disables it."
    )
    bfloat16: bool = Field(
        False,
        description="Round states and weights of the network to bfloat16 before they are multiplied, on processors "
        "with AVX-512 BF16: labelling takes less CPU, and probabilities change by up to 0.005. Use the same value for "
        "all processes.",
    )

    batch_records: int = Field(2_048, ge=1, le=10_000, description="A batch closes at this many records.")
    batch_tokens: int = Field(
        131_072, ge=1_024, description="A batch closes when its texts have this many tokens (words) in all."
    )
    batch_bytes: int = Field(4_194_304, ge=1_024, description="A batch closes at this many bytes of keys and values.")
    latency_milliseconds: int = Field(
        100,
        ge=1,
        le=60_000,
        description="Target for the 99th percentile of the time from publishing a comment to storing it, in "
        "milliseconds. Comments wait for others as long as this permits: a larger target costs less CPU.",
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

    comment_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which comments are purged with everything attached to them, by created_at, in whole "
        "hours; 0 keeps them. Counts are kept.",
    )
    purge_reviewed: bool = Field(
        False, description="Whether reviewed comments are purged too. They are what models are trained on."
    )
    version_days: int = Field(
        0, ge=0, le=36_500, description="Days after which texts that an edit replaced are purged; 0 keeps them."
    )
    outbox_days: int = Field(
        90,
        ge=0,
        le=36_500,
        description="Days after which messages of the outbox that are done are purged; 0 keeps them.",
    )
    ended_session_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days after which expired sessions, and expired or revoked tokens, are purged; 0 keeps them.",
    )
    audit_log_days: AuditLogDays = Field(
        730,
        ge=0,
        le=36_500,
        description="Days after which records of the audit log are purged, at least 183; 0 keeps them.",
    )

    model_grace_seconds: float = Field(
        600,
        ge=0,
        description="Seconds for which a consumer that cannot load the active model continues with the previous one. "
        "Then it takes no records until it can load it.",
    )
    stuck_seconds: int = Field(
        300,
        ge=10,
        description="The consumer's /livez fails if there is lag and it stores nothing for this long: at least twice "
        "the target of LIUYAN_LATENCY_MILLISECONDS for storing a comment.",
    )

    consumer_address: Address = Field(
        "127.0.0.1:9101", description="Address of the consumer's /livez, /readyz and /metrics, as host:port."
    )
    api_address: Address = Field(
        "127.0.0.1:9102", description="Address of the API's /livez, /readyz and /metrics, as host:port."
    )
    metrics_platforms: int = Field(
        20, ge=0, le=1_000, description="Number of platforms with their own metrics; all others are counted as `other`."
    )
    log_format: Literal["console", "json"] = Field("console", description="Log format: console or json.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level to log: debug, info, warning or error."
    )

    @field_validator("stuck_seconds")
    @classmethod
    def _check_stuck_seconds(cls, value: int, others: ValidationInfo) -> int:
        latency = others.data.get("latency_milliseconds", 0) / 1000
        if value < 2 * latency:
            raise ValueError(f"{value} is less than twice the {latency:g} seconds of {PREFIX}LATENCY_MILLISECONDS")
        return value

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

    def single_sign_on(self) -> SingleSignOn | None:
        """Return the provider for single sign-on; None if there is none. Raises SettingsError if one is incomplete."""
        if self.sso_issuer is None:
            return None
        if self.sso_client_id is None or self.sso_roles is None:
            missing = "LIUYAN_SSO_CLIENT_ID" if self.sso_client_id is None else "LIUYAN_SSO_ROLES"
            raise SettingsError(f"{missing} is not set. Single sign-on (LIUYAN_SSO_ISSUER) requires it.")
        return SingleSignOn(
            issuer=self.sso_issuer,
            client_id=self.sso_client_id,
            client_secret=self.sso_client_secret.get_secret_value() if self.sso_client_secret else None,
            scopes=self.sso_scopes,
            role_claim=self.sso_role_claim,
            roles=self.sso_roles,
            name=self.sso_name,
        )

    def sign_up_offered(self) -> Literal["open", "approval", "closed"]:
        """Return who can create an account with a password: nobody if passwords are disabled."""
        return self.sign_up if self.local_passwords else "closed"

    def check_sign_in(self) -> None:
        """Check the settings for signing in together. Raises SettingsError."""
        if self.single_sign_on() is None and not self.local_passwords:
            raise SettingsError("LIUYAN_LOCAL_PASSWORDS is false without LIUYAN_SSO_ISSUER: nobody could sign in.")
        if self.admin_second_factor and not self.contact_keys():
            raise SettingsError("LIUYAN_ADMIN_SECOND_FACTOR is true without LIUYAN_CONTACT_KEY. Set it to a secret.")


def secret_settings() -> tuple[str, ...]:
    """Return the names of the settings that can be read from a file, such as LIUYAN_SECRET_KEY."""
    fields = Settings.model_fields.items()
    return tuple(PREFIX + name.upper() for name, field in fields if SecretStr in get_args(field.annotation))


def load_settings() -> Settings:
    """Load the settings. Raises SettingsError, which names the file or variable at fault."""
    env_file = Settings.model_config.get("env_file")
    values = {**(read_values(Path(str(env_file))) if env_file else {}), **os.environ}
    known = [PREFIX + name.upper() for name in Settings.model_fields] + [name + SUFFIX for name in secret_settings()]
    check_names(values, known)
    check_encoding(os.environ)
    secrets = read_secret_files(secret_settings(), values)
    given: dict[str, Any] = {name.removeprefix(PREFIX).lower(): SecretStr(value) for name, value in secrets.items()}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper().removeprefix(PREFIX)
        raise SettingsError(f"Invalid {name}{SUFFIX if name in secrets else ''}: {sentence_of(first)}.") from None
