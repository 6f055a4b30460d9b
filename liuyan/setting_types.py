"""The types of settings: how a value is parsed and checked. A check raises ValueError with the end of a sentence."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from liuyan.single_sign_on import check_issuer, parse_roles
from liuyan.topics import parse_topics

# The shortest time for which the audit log is kept.
AUDIT_LOG_DAYS = 183
KAFKA_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


def split_keys(secret: SecretStr | None) -> tuple[str, ...]:
    """Return the keys of a comma-separated setting."""
    parts = secret.get_secret_value().split(",") if secret else []
    return tuple(filter(None, (part.strip() for part in parts)))


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:9101")
    return host.strip("[]"), int(port)


def _check_servers(value: str) -> str:
    servers = [server.strip() for server in value.split(",")]
    for server in servers:
        match = KAFKA_SERVER.fullmatch(server)
        if match is None or (match[1] and not 1 <= int(match[1]) <= 65535):
            raise ValueError(f"{server!r} is not host:port; separate several servers by commas")
    return ",".join(servers)


def _check_group(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError(f"{value!r} starts or ends with white space or contains a control character")
    return value


def _check_audit_log_days(value: int) -> int:
    if 0 < value < AUDIT_LOG_DAYS:
        raise ValueError(f"the audit log is kept for at least {AUDIT_LOG_DAYS} days (six months)")
    return value


def _empty_is_unset(value: object) -> object:
    return None if value == "" else value


def _check_contact_key(value: SecretStr | None) -> SecretStr | None:
    if any(len(key) < 32 for key in split_keys(value)):
        raise ValueError("each key must have at least 32 characters; create one with `openssl rand -hex 32`")
    return value


def _check_erasure_key(value: SecretStr | None) -> SecretStr | None:
    keys = split_keys(value)
    if value is not None and (not keys or any(len(key) < 16 for key in keys)):
        raise ValueError("each key must have at least 16 characters; create one with `openssl rand -hex 32`")
    return value


def _read_topics(value: object) -> object:
    return parse_topics(value) if isinstance(value, str) else value


def _read_roles(value: object) -> object:
    return parse_roles(value) if isinstance(value, str) else value


def _check_issuer(value: str | None) -> str | None:
    return None if value is None else check_issuer(value)


def _split(value: object) -> object:
    return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value


def _check_hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    for host in value:
        if not re.fullmatch(r"(\*\.)?[\w.-]+|\[[0-9A-Fa-f:.]+\]", host):
            raise ValueError(f"{host!r} is not a host name or address without port, such as liuyan.example")
    return value


def _check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(network)) for network in value)
    except ValueError as error:
        raise ValueError(f"{error}; use addresses or networks, such as 10.0.0.0/8") from None


def _check_address(value: str) -> str:
    split_address(value)
    return value


def _expand(value: Path | None) -> Path | None:
    try:
        return value.expanduser() if value is not None else None
    except RuntimeError:
        raise ValueError(f"cannot find the home folder of {value}; use an absolute path") from None


KafkaServers = Annotated[str, Field(min_length=1), AfterValidator(_check_servers)]
Topics = Annotated[dict[str, frozenset[str]], NoDecode, BeforeValidator(_read_topics)]
Group = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_group)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]
# Several keys, comma-separated, newest first.
ErasureKeys = Annotated[Secret, AfterValidator(_check_erasure_key)]
ContactKeys = Annotated[Secret, AfterValidator(_check_contact_key)]
Issuer = Annotated[str | None, AfterValidator(_check_issuer)]
ClaimValues = Annotated[dict[str, frozenset[str]] | None, NoDecode, BeforeValidator(_read_roles)]
HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_hosts)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_networks)]
Address = Annotated[str, AfterValidator(_check_address)]
# With the home folder in place of `~`.
Folder = Annotated[Path, AfterValidator(_expand)]
OptionalPath = Annotated[Path | None, AfterValidator(_expand)]
AuditLogDays = Annotated[int, AfterValidator(_check_audit_log_days)]
