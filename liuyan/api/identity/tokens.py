"""Bearer tokens: made once for a program, with a role of at most their owner's, and found by their digest."""

from dataclasses import dataclass

from liuyan.api.identity.roles import Role, lesser
from liuyan.api.identity.secrets import digest_of
from liuyan.api.services import Services
from liuyan.store import tokens


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token stands for; ``role`` is the least of the token's and the person's."""

    user_number: int
    name: str
    role: Role
    language: str | None


async def find(services: Services, token: str) -> Bearer | None:
    """Whom a token stands for; None when it is unknown, revoked or over, or its owner may not sign in."""
    now = services.now()
    async with services.store.reading() as connection:
        found = await tokens.find_token(connection, digest_of(token), now)
    if found is None or found.user.must_change_password:
        return None
    used = found.token.used_at
    if used is None or now - used >= tokens.USED_EVERY:
        async with services.store.writing() as session:
            await tokens.touch_token(session, found.token.number, now)
    user = found.user
    return Bearer(user.number, user.name, lesser(Role(user.role), Role(found.token.role)), user.language)
