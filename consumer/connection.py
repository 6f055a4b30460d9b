"""Kafka connection settings, for aiokafka and confluent-kafka clients."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from aiokafka import AIOKafkaConsumer

from liuyan.errors import SettingsError
from liuyan.settings import Settings

Protocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Bootstrap servers, TLS and credentials.

    All files are PEM. Without ``ca_file`` the system's certificate authorities are trusted; ``certificate_file`` and
    ``key_file`` authenticate the client. The broker's host name must match its certificate.
    """

    bootstrap: str
    protocol: Protocol = "plaintext"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the connection that the settings describe."""
        password = settings.kafka_sasl_password
        return cls(
            settings.kafka,
            settings.kafka_security_protocol,
            settings.kafka_sasl_mechanism,
            settings.kafka_sasl_username,
            None if password is None else password.get_secret_value(),
            settings.kafka_ca_file,
            settings.kafka_certificate_file,
            settings.kafka_key_file,
        )

    def __repr__(self) -> str:
        return f"Connection({self.bootstrap!r}, {self.protocol!r})"

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.protocol in ("ssl", "sasl_ssl")

    @property
    def authenticated(self) -> bool:
        """Whether the connection authenticates with user name and password."""
        return self.protocol in ("sasl_plaintext", "sasl_ssl")

    def check(self) -> None:
        """Raise SettingsError if credentials are incomplete or a file is missing or invalid."""
        if self.authenticated and (not self.username or self.password is None):
            raise SettingsError(
                f"LIUYAN_KAFKA_SECURITY_PROTOCOL is {self.protocol}. Also set LIUYAN_KAFKA_SASL_USERNAME and "
                "LIUYAN_KAFKA_SASL_PASSWORD."
            )
        if self.encrypted:
            self._tls()

    def aiokafka(self) -> dict[str, Any]:
        """Return the keyword arguments for aiokafka's clients. Raises SettingsError."""
        self.check()
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.protocol.upper(),
        }
        if self.encrypted:
            settings["ssl_context"] = self._tls()
        if self.authenticated:
            settings["sasl_mechanism"] = self.mechanism
            settings["sasl_plain_username"] = self.username
            settings["sasl_plain_password"] = self.password
        return settings

    def confluent(self) -> dict[str, Any]:
        """Return the configuration for confluent-kafka's clients. Raises SettingsError."""
        self.check()
        settings: dict[str, Any] = {"bootstrap.servers": self.bootstrap, "security.protocol": self.protocol}
        if self.encrypted:
            files = {
                "ssl.ca.location": self.ca_file,
                "ssl.certificate.location": self.certificate_file,
                "ssl.key.location": self.key_file,
            }
            settings |= {name: str(file) for name, file in files.items() if file is not None}
        if self.authenticated:
            settings["sasl.mechanism"] = self.mechanism
            settings["sasl.username"] = self.username
            settings["sasl.password"] = self.password
        return settings

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"Cannot use LIUYAN_KAFKA_CA_FILE {self.ca_file}: {_cause(error)}. Specify a PEM file of certificates."
            ) from None
        if self.certificate_file is None:
            return context
        try:
            context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"Cannot use LIUYAN_KAFKA_CERTIFICATE_FILE {self.certificate_file} with LIUYAN_KAFKA_KEY_FILE "
                f"{self.key_file}: {_cause(error)}. Specify a PEM certificate and its key."
            ) from None
        return context


async def stop_client(client: AIOKafkaConsumer) -> None:
    """Stop a client. aiokafka may raise CancelledError although nobody has cancelled the caller."""
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait([stopping])
    if not stopping.cancelled():
        stopping.result()


def _cause(error: OSError) -> str:
    return str(error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror or error)
