"""What people may do: three roles, each of which includes the one before it."""

from enum import StrEnum


class Role(StrEnum):
    """``user`` detects, ``reviewer`` also reads and corrects comments, ``admin`` also manages people and the system."""

    USER = "user"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether whoever has this role may do what ``other`` may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = list(Role)


def lesser(one: Role, other: Role) -> Role:
    """The one of two roles that may do less."""
    return min(one, other, key=_ORDER.index)
