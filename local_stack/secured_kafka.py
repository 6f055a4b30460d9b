"""Apache Kafka with TLS, users and access control lists, and an open listener to administer it."""

from collections.abc import Mapping
from typing import ClassVar

from local_stack.certificates import Authority
from local_stack.kafka import Kafka
from local_stack.ports import ReservedPort

LISTENERS = ("SASL_SSL", "SASL_PLAINTEXT", "SSL")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


class SecuredKafka(Kafka):
    """A Kafka for ``users`` (passwords by name), who may only do what access control lists allow.

    ``bootstrap`` needs no authentication and has all permissions, for administration. ``sasl_ssl`` and
    ``sasl_plaintext`` require user and password, ``ssl`` a certificate of ``authority``.
    """

    name: ClassVar[str] = "Kafka"

    def __init__(self, users: Mapping[str, str]) -> None:
        super().__init__()
        self._users = dict(users)
        self._listeners = {name: ReservedPort() for name in LISTENERS}
        self.authority = Authority(self.folder / "certificates")

    @property
    def sasl_ssl(self) -> str:
        """Address for users with TLS."""
        return self._address("SASL_SSL")

    @property
    def sasl_plaintext(self) -> str:
        """Address for users without TLS."""
        return self._address("SASL_PLAINTEXT")

    @property
    def ssl(self) -> str:
        """Address for clients with a certificate."""
        return self._address("SSL")

    def close(self) -> None:
        """Kill the broker and remove its data."""
        super().close()
        for port in self._listeners.values():
            port.close()

    def _address(self, listener: str) -> str:
        return f"127.0.0.1:{self._listeners[listener].number}"

    def _format_options(self) -> list[str]:
        scram = [mechanism for mechanism in MECHANISMS if mechanism.startswith("SCRAM")]
        return [
            option
            for mechanism in scram
            for user, password in self._users.items()
            for option in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]

    def _listener_properties(self, controller: str) -> dict[str, str]:
        certificate, key = self.authority.issue("broker")
        keystore = self.authority.file.with_name("broker-with-key.pem")
        keystore.touch(mode=0o600)
        keystore.write_text(key.read_text() + certificate.read_text())
        passwords = " ".join(f'user_{user}="{password}"' for user, password in self._users.items())
        listeners = [f"PLAINTEXT://{self.bootstrap}", *(f"{name}://{self._address(name)}" for name in LISTENERS)]
        protocols = [f"{name}:{name}" for name in ("PLAINTEXT", *LISTENERS)]
        properties = {
            "listeners": ",".join([*listeners, f"CONTROLLER://{controller}"]),
            "listener.security.protocol.map": ",".join([*protocols, "CONTROLLER:PLAINTEXT"]),
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.ssl.ssl.client.auth": "required",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        for listener in ("sasl_ssl", "sasl_plaintext"):
            modules = {
                "scram-sha-512": "scram.ScramLoginModule required;",
                "scram-sha-256": "scram.ScramLoginModule required;",
                "plain": f"plain.PlainLoginModule required {passwords};",
            }
            for mechanism, module in modules.items():
                properties[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = (
                    f"org.apache.kafka.common.security.{module}"
                )
        return properties
