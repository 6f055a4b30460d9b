"""The first admin, made by a command, since nobody is there yet who could make accounts on a page."""

from datetime import UTC, datetime

from api.identity.names import check_name
from api.identity.passwords import Passwords
from api.identity.roles import Role
from store import accounts, audit
from store.store import Store


async def create_first_admin(store: Store, name: str, password: str) -> str:
    """Make an admin, who is let in at once, and return the name as it is kept.

    Raises LiuyanError: a name that is taken or not valid, a weak password.
    """
    name = check_name(name)
    passwords = Passwords()
    await passwords.check(password, name)
    hashed = await passwords.hash(password)
    actor = audit.command_actor(None)
    async with store.writing() as session:
        new = accounts.NewUser(name, hashed, Role.ADMIN, "active")
        number = await accounts.add_user(session, new, datetime.now(UTC))
        await audit.record(session, actor, "user.create", "user", str(number), {"name": name, "role": Role.ADMIN})
    return name
