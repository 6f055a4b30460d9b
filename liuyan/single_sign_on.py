"""The settings of single sign-on with an OpenID Connect provider, checked."""

import ipaddress
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Lowest first.
ROLES = ("user", "reviewer", "admin")
# Grants a role to everybody whom the provider signs in.
EVERYBODY = "*"
ISSUER_AT_MOST = 255


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """An OpenID Connect provider, and how its users get roles.

    ``roles`` has, by role, the values of the claim ``role_claim`` that grant it. ``name`` is what the sign-in page
    calls the provider.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    scopes: str
    role_claim: str
    roles: Mapping[str, Set[str]]
    name: str | None

    def role_of(self, values: Set[str]) -> str | None:
        """Return the highest role that one of the claim's values grants, or None."""
        for role in reversed(ROLES):
            granting = self.roles.get(role, frozenset())
            if EVERYBODY in granting or granting & values:
                return role
        return None


def parse_roles(text: str) -> dict[str, frozenset[str]]:
    """Parse ``admin=liuyan-admins|operators,user=*`` into claim values by role. Raises ValueError."""
    roles: dict[str, frozenset[str]] = {}
    for part in text.split(","):
        role, _, values = part.partition("=")
        role = role.strip()
        if role not in ROLES:
            raise ValueError(f"{part!r} does not start with a role; use `admin=value|value`, `reviewer=…` and `user=…`")
        if role in roles:
            raise ValueError(f"role {role!r} is listed twice")
        granting = frozenset(value.strip() for value in values.split("|"))
        if "" in granting:
            raise ValueError(f"role {role!r} has an empty value; use `{role}=value|value`")
        roles[role] = granting
    return roles


def check_issuer(issuer: str) -> str:
    """Return the issuer. Raises ValueError unless ``is_private`` holds and it has neither query nor fragment."""
    if not is_private(issuer) or "?" in issuer or "#" in issuer or len(issuer) > ISSUER_AT_MOST:
        raise ValueError("must be the provider's https:// address, as its metadata has it under `issuer`")
    return issuer


def is_private(url: str) -> bool:
    """Return whether nobody can listen in on requests to ``url``: it is https://, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host)))


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
