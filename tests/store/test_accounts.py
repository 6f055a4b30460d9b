"""Accounts, sessions, tokens, attempts and the audit log, on every database."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from store import accounts, attempts, audit, login_sessions, tokens
from store.accounts import NameTakenError, NewUser, NoAccountError, UserFilter
from store.audit import Actor, AuditFilter
from store.login_sessions import LoginSession
from store.store import Store

pytestmark = pytest.mark.timeout(60)
NOW = datetime(2026, 1, 31, 8, 15, 0, 123456, tzinfo=UTC)
IDLE = timedelta(hours=8)
DIGEST = bytes(range(0, 256, 8))
OTHER = bytes(range(1, 256, 8))
COMMAND = Actor(None, "tests", "command", None)


async def add(store: Store, name: str, role: str = "user", state: accounts.State = "active") -> int:
    async with store.writing() as session:
        return await accounts.add_user(session, NewUser(name, "hash", role, state), NOW)


async def add_session(store: Store, user: int, digest: bytes, expires: timedelta = timedelta(days=7)) -> None:
    async with store.writing() as session:
        added = LoginSession(digest, user, NOW, NOW, NOW + expires, "192.0.2.7", "browser")
        await login_sessions.add_session(session, added)


@pytest.mark.parametrize(
    ("name", "same"),
    [("Anna", "anna"), ("小王", "小王 "), ("ａｎｎａ", "ANNA"), ("Straße", "STRASSE"), ("ﬁne", "FINE")],
)
async def test_names_that_look_alike_collide(store: Store, name: str, same: str) -> None:
    number = await add(store, name)
    with pytest.raises(NameTakenError):
        await add(store, same)
    async with store.reading() as connection:
        found = await accounts.find_credentials(connection, same)
    assert found is not None
    assert (found[0].number, found[0].name, found[1]) == (number, name, "hash")
    assert found[0].created_at == NOW


async def test_different_names_are_different_accounts(store: Store) -> None:
    assert await add(store, "ana") != await add(store, "aná")
    async with store.reading() as connection:
        assert await accounts.find_credentials(connection, "anâ") is None


async def test_a_name_cannot_be_changed_to_a_taken_one(store: Store) -> None:
    await add(store, "anna")
    number = await add(store, "bob")
    with pytest.raises(NameTakenError):
        async with store.writing() as session:
            await accounts.update_user(session, number, {"name": "ANNA", "role": "admin"})
    async with store.reading() as connection:
        found = await accounts.find_user(connection, number)
    assert found is not None
    assert (found.name, found.role) == ("bob", "user")


async def test_accounts_are_filtered_and_paged(store: Store) -> None:
    numbers = [await add(store, name) for name in ("anna", "Annika", "a%b", "a_b")]
    admin = await add(store, "root", "admin", "disabled")
    async with store.reading() as connection:

        async def listed(
            filters: UserFilter, after: int | None = None, limit: int = 10
        ) -> tuple[list[int], int | None]:
            found, following = await accounts.list_users(connection, filters, after, limit)
            return [user.number for user in found], following

        assert await listed(UserFilter(search="NN")) == ([numbers[1], numbers[0]], None)
        assert await listed(UserFilter(search="%")) == ([numbers[2]], None)
        assert await listed(UserFilter(search="_")) == ([numbers[3]], None)
        assert await listed(UserFilter(role="admin")) == ([admin], None)
        assert await listed(UserFilter(state="disabled")) == ([admin], None)
        assert await listed(UserFilter(), limit=2) == ([admin, numbers[3]], numbers[3])
        assert await listed(UserFilter(), after=numbers[3], limit=3) == (numbers[2::-1], None)


async def test_locking_the_admins_serialises_changes(store: Store) -> None:
    first, second = await add(store, "first", "admin"), await add(store, "second", "admin")
    await add(store, "waiting", "admin", "waiting")

    async def disable(number: int) -> bool:
        async with store.writing() as session:
            if await accounts.lock_admins(session) == {number}:
                return False
            await accounts.lock_user(session, number)
            await asyncio.sleep(0.05)
            await accounts.update_user(session, number, {"state": "disabled"})
            return True

    # Each change alone would leave an admin; together they would leave none.
    assert sorted(await asyncio.gather(disable(first), disable(second))) == [False, True]


async def test_an_account_that_is_not_there(store: Store) -> None:
    with pytest.raises(NoAccountError):
        async with store.writing() as session:
            await accounts.lock_user(session, 4711)


async def test_a_session_ends_by_expiry_or_inactivity(store: Store) -> None:
    number = await add(store, "anna")
    await add_session(store, number, DIGEST)

    async def found(digest: bytes, later: timedelta) -> bool:
        async with store.reading() as connection:
            return await login_sessions.find_session(connection, digest, NOW + later, IDLE) is not None

    assert await found(DIGEST, timedelta())
    assert not await found(OTHER, timedelta())
    assert await found(DIGEST, IDLE - timedelta(microseconds=1))
    assert not await found(DIGEST, IDLE)
    async with store.writing() as session:
        await login_sessions.touch_session(session, DIGEST, NOW + timedelta(days=7) - timedelta(hours=1))
    assert await found(DIGEST, timedelta(days=7) - timedelta(microseconds=1))
    assert not await found(DIGEST, timedelta(days=7))


async def test_a_session_of_an_inactive_account_is_not_found(store: Store) -> None:
    number = await add(store, "anna")
    await add_session(store, number, DIGEST)
    async with store.reading() as connection:
        signed_in = await login_sessions.find_session(connection, DIGEST, NOW, IDLE)
    assert signed_in is not None
    assert (signed_in.user.number, signed_in.session.address, signed_in.digest) == (number, "192.0.2.7", DIGEST)
    for state in ("disabled", "waiting"):
        async with store.writing() as session:
            await accounts.update_user(session, number, {"state": state})
        async with store.reading() as connection:
            assert await login_sessions.find_session(connection, DIGEST, NOW, IDLE) is None


async def test_sessions_are_ended_singly_or_together(store: Store) -> None:
    anna, bob = await add(store, "anna"), await add(store, "bob")
    third = bytes(32)
    for digest in (DIGEST, OTHER, third):
        await add_session(store, anna, digest)
    async with store.writing() as session:
        assert not await login_sessions.delete_session(session, bob, DIGEST)
        assert await login_sessions.delete_session(session, anna, DIGEST)
        assert not await login_sessions.delete_session(session, anna, DIGEST)
        assert await login_sessions.delete_sessions(session, anna, but=OTHER) == 1
    async with store.reading() as connection:
        assert [one.digest for one in await login_sessions.list_sessions(connection, anna, NOW, IDLE)] == [OTHER]
    async with store.writing() as session:
        assert await login_sessions.delete_sessions(session, anna) == 1


async def test_expired_sessions_are_deleted(store: Store) -> None:
    number = await add(store, "anna")
    await add_session(store, number, DIGEST, expires=timedelta(0))
    await add_session(store, number, OTHER)
    async with store.writing() as session:
        assert await login_sessions.delete_sessions(session, number) == 1


async def test_a_token_is_found_until_it_expires_or_is_revoked(store: Store) -> None:
    number = await add(store, "anna", "reviewer")
    async with store.writing() as session:
        token = await tokens.add_token(session, number, DIGEST, "export", "user", NOW, NOW + timedelta(days=1))

    async def found(later: timedelta) -> tokens.TokenOwner | None:
        async with store.reading() as connection:
            return await tokens.find_token(connection, DIGEST, NOW + later)

    good = await found(timedelta())
    assert good is not None
    assert (good.token.number, good.token.role, good.user.role) == (token, "user", "reviewer")
    assert await found(timedelta(days=1)) is None
    async with store.writing() as session:
        await tokens.touch_token(session, token, NOW)
        assert await tokens.revoke_token(session, number + 1, token, NOW) is None
        revoked = await tokens.revoke_token(session, number, token, NOW)
        assert revoked is not None
        assert revoked.used_at == NOW
        assert await tokens.revoke_token(session, number, token, NOW) is None
    assert await found(timedelta()) is None
    async with store.reading() as connection:
        assert await tokens.list_tokens(connection, number) == []


async def test_concurrent_attempts_are_all_counted(store: Store) -> None:
    end = NOW + timedelta(minutes=15)

    async def attempt() -> int:
        async with store.writing() as session:
            return await attempts.add_attempts(session, DIGEST, NOW, end, 1)

    assert sorted(await asyncio.gather(*(attempt() for _ in range(8)))) == list(range(1, 9))
    async with store.reading() as connection:
        assert await attempts.read_attempts(connection, DIGEST, NOW) == attempts.Count(8, end)
        assert await attempts.read_attempts(connection, OTHER, NOW) is None
        assert await attempts.read_attempts(connection, DIGEST, end) is None
    async with store.writing() as session:
        # The next window deletes the previous one.
        assert await attempts.add_attempts(session, OTHER, end, end + timedelta(minutes=15), 2) == 2
        assert await attempts.clear_attempts(session, DIGEST) == 0
        assert await attempts.clear_attempts(session) == 1


async def test_audit_records_are_rolled_back_with_their_change(store: Store) -> None:
    number = await add(store, "anna")

    async def fail() -> None:
        async with store.writing() as session:
            await audit.record(session, COMMAND, "user.edit", "user", str(number), {})
            raise RuntimeError("the change fails")

    with pytest.raises(RuntimeError):
        await fail()
    async with store.reading() as connection:
        assert (await audit.list_records(connection, AuditFilter(), None, 10)).items == []


async def test_the_audit_log_is_filtered_and_paged(store: Store) -> None:
    anna = Actor(7, "安娜", "session", "192.0.2.7")
    for number in range(5):
        async with store.writing() as session:
            await audit.record(session, anna, "user.edit", "user", str(number), {"n": [number, "二"]})
    async with store.writing() as session:
        await audit.record(session, COMMAND, "user_group.edit", "group", "x" * 300, {})

    async def listed(filters: AuditFilter) -> list[str]:
        async with store.reading() as connection:
            return [one.object_id for one in (await audit.list_records(connection, filters, None, 10)).items]

    assert await listed(AuditFilter()) == ["x" * 200, "4", "3", "2", "1", "0"]
    assert await listed(AuditFilter(action="user.")) == ["4", "3", "2", "1", "0"]
    assert await listed(AuditFilter(action="user_group.")) == ["x" * 200]
    assert await listed(AuditFilter(user_number=7, object_kind="user", object_id="3")) == ["3"]
    assert await listed(AuditFilter(user_name="安娜", at_to=datetime(2000, 1, 1, tzinfo=UTC))) == []
    async with store.reading() as connection:
        first = await audit.list_records(connection, AuditFilter(), None, 4)
        second = await audit.list_records(connection, AuditFilter(), first.next, 4)
    assert [one.object_id for one in second.items] == ["1", "0"]
    assert second.next is None
    assert second.items[0].detail == {"n": [1, "二"]}
    assert (second.items[0].user_name, second.items[0].via, second.items[0].address) == ("安娜", "session", "192.0.2.7")


async def test_confirming_a_session_changes_its_digest(store: Store) -> None:
    user = await add(store, "anna")
    await add_session(store, user, DIGEST)
    later = NOW + timedelta(minutes=1)
    async with store.writing() as session:
        assert not await login_sessions.confirm_session(session, user + 1, DIGEST, OTHER, later)
        assert await login_sessions.lock_session(session, user, DIGEST)
        assert not await login_sessions.lock_session(session, user + 1, DIGEST)
        assert await login_sessions.confirm_session(session, user, DIGEST, OTHER, later)
        assert not await login_sessions.confirm_session(session, user, DIGEST, OTHER, later)
    async with store.reading() as connection:
        assert await login_sessions.find_session(connection, DIGEST, later, IDLE) is None
        found = await login_sessions.find_session(connection, OTHER, later, IDLE)
    assert found is not None
    assert (found.session.confirmed_at, found.session.created_at) == (later, NOW)


async def test_revoking_all_tokens_affects_one_account_only(store: Store) -> None:
    owner, other = await add(store, "anna"), await add(store, "bob")
    async with store.writing() as session:
        for user, digest in ((owner, b"1" * 32), (owner, b"2" * 32), (other, b"3" * 32)):
            await tokens.add_token(session, user, digest, "export", "user", NOW, None)
        assert await tokens.revoke_tokens(session, owner, NOW) == 2
        assert await tokens.revoke_tokens(session, owner, NOW) == 0
    async with store.reading() as connection:
        assert await tokens.list_tokens(connection, owner) == []
        assert len(await tokens.list_tokens(connection, other)) == 1


async def test_lock_password_requires_the_current_hash(store: Store) -> None:
    user = await add(store, "anna")
    async with store.reading() as connection:
        assert await accounts.find_password_hash(connection, user) == "hash"
        assert await accounts.find_password_hash(connection, user + 1) is None
    async with store.writing() as session:
        assert await accounts.lock_password(session, user, "another hash") is None
        locked = await accounts.lock_password(session, user, "hash")
    assert locked is not None
    assert locked.number == user
