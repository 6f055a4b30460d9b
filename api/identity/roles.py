"""The roles. Reviewers may do what users may, and admins may do everything; a platform reads only its own events."""

from enum import StrEnum


class Role(StrEnum):
    """``user`` labels texts, ``reviewer`` also reads and corrects comments, ``admin`` also manages accounts and the
    system. ``platform`` reads the labels, trend and rejected events of one platform and nothing else."""

    PLATFORM = "platform"
    USER = "user"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether this role grants everything that ``other`` grants."""
        return other in _INCLUDED[self]


_INCLUDED = {
    Role.PLATFORM: frozenset({Role.PLATFORM}),
    Role.USER: frozenset({Role.USER}),
    # Not PLATFORM: reviewers do not see rejected events.
    Role.REVIEWER: frozenset({Role.USER, Role.REVIEWER}),
    Role.ADMIN: frozenset(Role),
}


def lesser(one: Role, other: Role) -> Role | None:
    """Return the role that the other one includes; None if neither includes the other."""
    if one.includes(other):
        return other
    return one if other.includes(one) else None
