"""The three roles, each of which includes the one before it."""

from enum import StrEnum


class Role(StrEnum):
    """``user`` labels texts, ``reviewer`` also reads and corrects comments, ``admin`` also manages accounts and the
    system."""

    USER = "user"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether this role grants everything that ``other`` grants."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = list(Role)


def lesser(one: Role, other: Role) -> Role:
    """Return the lower of two roles."""
    return min(one, other, key=_ORDER.index)
