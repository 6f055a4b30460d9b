"""The roles of separate database accounts."""

from enum import StrEnum


class Role(StrEnum):
    """Who connects. OPERATOR runs commands; MIGRATE also restores backups."""

    MIGRATE = "migrate"
    CONSUMER = "consumer"
    API = "api"
    OPERATOR = "operator"
    BACKUP = "backup"
    GRAFANA = "grafana"


def role_name(role: Role) -> str:
    """Return the name of the database's role."""
    return f"liuyan_{role}"
