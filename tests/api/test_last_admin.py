"""On a database server, changes at the same time never leave the system without an admin."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text, update

from api.identity import accounts
from api.identity.account_erasure import erase_account
from api.identity.roles import Role
from api.problems import ProblemError
from store.accounts import lock_admins
from store.admin_tables import users
from store.audit import command_actor
from tests.api.conftest import Api
from tests.api.people import add_person

pytestmark = pytest.mark.timeout(120)
OPS = command_actor("ops")
Change = Callable[[Api, int], Awaitable[object]]


def erase(api: Api, number: int) -> Awaitable[object]:
    return erase_account(api.services, OPS, number)


def disable(api: Api, number: int) -> Awaitable[object]:
    return accounts.disable(api.services, OPS, number)


def demote(api: Api, number: int) -> Awaitable[object]:
    return accounts.edit_user(api.services, OPS, number, {"role": "reviewer"})


async def two_admins(api: Api, names: str) -> list[int]:
    """Create two admins, and make all others users."""
    async with api.store.writing() as session:
        await session.connection.execute(update(users).values(role="user"))
    return [(await add_person(api.store, name, Role.ADMIN, now=api.clock())).number for name in names]


async def at_once(api: Api, *changes: Awaitable[object]) -> list[object]:
    """Run changes that all wait for the same lock first, and return their results or problems."""
    async with api.store.writing() as session:
        assert len(await lock_admins(session)) == 2
        tasks = [asyncio.ensure_future(change) for change in changes]
        query = text("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        for _ in range(20):
            async with api.store.reading() as connection:
                waiting: int = (await connection.execute(query)).scalar_one()
            if waiting >= len(tasks):
                break
            await asyncio.sleep(0.05)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_admins_cannot_remove_each_other_at_once(server_api: Api) -> None:
    api = server_api
    pairs: list[tuple[str, Change, Change]] = [
        ("甲乙", erase, erase),
        ("丙丁", erase, disable),
        ("戊己", demote, erase),
        ("庚辛", disable, demote),
    ]
    for names, one, other in pairs:
        first, second = await two_admins(api, names)
        results = await at_once(api, one(api, second), other(api, first))
        problems = [result for result in results if isinstance(result, BaseException)]
        assert [problem.code for problem in problems if isinstance(problem, ProblemError)] == ["last_admin"], results
        async with api.store.writing() as session:
            assert len(await lock_admins(session) & {first, second}) == 1
