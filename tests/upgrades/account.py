"""Create an administrator and print its token; the previous release runs this script: `python account.py URL`."""

import asyncio
import sys
from datetime import UTC, datetime

from api.identity.roles import Role
from store.store import Store
from tests.api.people import add_person


async def main(url: str) -> None:
    """Create the account in the database at ``url``."""
    async with Store.open(url) as store:
        person = await add_person(store, "admin", Role.ADMIN, now=datetime.now(UTC))
    sys.stdout.write(person.token)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
