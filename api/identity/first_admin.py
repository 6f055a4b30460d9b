"""Create an admin account from the command line, because pages require an existing admin."""

from datetime import UTC, datetime

from api.identity.names import check_name
from api.identity.passwords import Passwords
from api.identity.roles import Role
from store import accounts, audit
from store.store import Store


async def create_first_admin(store: Store, name: str, password: str) -> str:
    """Create an active admin account and return its name as stored.

    Raises LiuyanError if the name is taken or invalid, or the password is weak.
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
