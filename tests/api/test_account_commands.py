"""The account commands of `liuyan api`."""

import asyncio
import re
import subprocess
from datetime import UTC, datetime

import pytest

from api.identity.contacts import Contacts
from api.identity.roles import Role
from api.identity.secrets import digest_of
from store import accounts, audit, second_factors, tokens
from store.audit import JSON, AuditFilter
from store.store import Store
from tests.api.people import Person, add_person
from tests.conftest import RunLiuyan

pytestmark = [pytest.mark.timeout(120), pytest.mark.programs]


class Database:
    """A migrated database with an admin and a reviewer, on which commands run."""

    def __init__(self, url: str, run_liuyan: RunLiuyan) -> None:
        self.url = url
        self._run_liuyan = run_liuyan
        self.people = asyncio.run(self._fill())

    async def _fill(self) -> dict[str, Person]:
        async with Store.open(self.url) as store:
            names = (("小管", Role.ADMIN), ("小审", Role.REVIEWER))
            return {name: await add_person(store, name, role, now=datetime.now(UTC)) for name, role in names}

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run `liuyan api` with these arguments."""
        keys = {"LIUYAN_DATABASE_URL": self.url, "LIUYAN_SECRET_KEY": "a secret that signs forms in tests", **settings}
        return self._run_liuyan("api", *arguments, **keys)

    def output(self, *arguments: str) -> str:
        """Run a command that must succeed and return its standard output."""
        process = self.run(*arguments)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def user(self, name: str) -> accounts.User:
        """Return an account."""

        async def find() -> accounts.User:
            async with Store.open(self.url) as store, store.reading() as connection:
                found = await accounts.find_credentials(connection, name)
            assert found is not None
            return found[0]

        return asyncio.run(find())

    def is_valid(self, token: str) -> bool:
        """Return whether a token is valid."""

        async def find() -> bool:
            async with Store.open(self.url) as store, store.reading() as connection:
                return await tokens.find_token(connection, digest_of(token), datetime.now(UTC)) is not None

        return asyncio.run(find())

    def changes(self) -> list[tuple[str, str, dict[str, JSON]]]:
        """Return the audit log, oldest first."""

        async def read() -> list[tuple[str, str, dict[str, JSON]]]:
            async with Store.open(self.url) as store, store.reading() as connection:
                page = await audit.list_records(connection, AuditFilter(), None, 100)
            return [(one.action, one.via, dict(one.detail)) for one in reversed(page.items)]

        return asyncio.run(read())


@pytest.fixture
def database(migrated_sqlite_url: str, run_liuyan: RunLiuyan) -> Database:
    return Database(migrated_sqlite_url, run_liuyan)


def test_a_reset_prints_only_the_password_and_ends_all_access(database: Database) -> None:
    done = database.run("reset-password", "小审")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}\n", done.stdout)
    assert done.stderr == "Tokens revoked: 1. This password must be changed at the next sign-in, within 72 hours:\n"
    assert database.user("小审").must_change_password
    assert not database.is_valid(database.people["小审"].token)
    assert database.changes() == [("user.reset_password", "command", {"sessions_ended": 1, "tokens_revoked": 1})]


def test_a_failed_reset_changes_nothing(database: Database) -> None:
    done = database.run("reset-password", "小审", LIUYAN_SECRET_KEY="")
    assert done.returncode != 0
    assert "LIUYAN_SECRET_KEY" in done.stderr
    assert not database.user("小审").must_change_password


def test_enabling_a_disabled_account_does_not_restore_its_tokens(database: Database) -> None:
    assert database.output("disable", "小审") == "Disabled the account 小审. Tokens revoked: 1.\n"
    assert database.user("小审").state == "disabled"
    assert database.output("enable", "小审") == "The account 小审 can sign in again.\n"
    assert database.user("小审").state == "active"
    assert not database.is_valid(database.people["小审"].token)
    again = database.run("enable", "小审")
    assert (again.returncode, again.stderr) == (1, "liuyan: The account 小审 is already active.\n")
    waits = database.run("approve", "小审")
    assert (waits.returncode, waits.stderr) == (1, "liuyan: The account 小审 is already active.\n")


def test_a_lower_role_revokes_tokens(database: Database) -> None:
    assert database.output("set-role", "小审", "user") == "The account 小审 now has the role user. Tokens revoked: 1.\n"
    assert not database.is_valid(database.people["小审"].token)
    last = database.run("set-role", "小管", "user")
    assert last.returncode == 1
    assert last.stderr == "liuyan: This is the last administrator: appoint another one first.\n"


def test_tokens_are_created_and_revoked(database: Database) -> None:
    token = database.output("create-token", "小审", "nightly export", "--role", "reviewer", "--days", "7").strip()
    assert database.is_valid(token)
    above = database.run("create-token", "小审", "x", "--role", "admin")
    assert (above.returncode, above.stdout) == (1, "")
    assert above.stderr == "liuyan: A token cannot have the role admin: its account has reviewer.\n"
    for purpose in (" ", "a\x1b[31m\nb"):
        nameless = database.run("create-token", "小审", purpose)
        assert nameless.returncode == 1
        assert nameless.stderr.startswith("liuyan: Describe the token's purpose in 1 to 64 characters, without control")
    assert database.output("revoke-tokens", "小审") == "Tokens of 小审 revoked: 2.\n"
    assert not database.is_valid(token)
    assert [action for action, _, _ in database.changes()] == ["token.create", "user.revoke_tokens"]


def test_an_account_is_created_with_a_temporary_password(database: Database) -> None:
    done = database.run("create-user", "小新", "--role", "reviewer")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}\n", done.stdout)
    made = database.user("小新")
    assert (made.role, made.state, made.must_change_password) == ("reviewer", "active", True)
    why = "liuyan: The account 小新 cannot have tokens: "
    assert database.run("create-token", "小新", "x").stderr == (
        why + "sign in with it and change its password first.\n"
    )
    database.output("disable", "小新")
    assert database.run("create-token", "小新", "x").stderr == why + "it is not active.\n"


def test_an_unknown_name_is_reported_in_one_sentence(database: Database) -> None:
    for command in (("disable",), ("enable",), ("approve",), ("reset-password",), ("revoke-tokens",)):
        done = database.run(*command, "小无")
        assert done.returncode == 1
        assert done.stderr == ("liuyan: No account is named '小无': check the list under People in the admin app.\n")


def test_contacts_are_encrypted_with_the_newest_key(database: Database) -> None:
    old, new, lost = (letter * 32 for letter in "onl")

    async def store_contacts() -> None:
        async with Store.open(database.url) as store, store.writing() as session:
            for name, key in (("小管", old), ("小审", lost)):
                phone = Contacts([key]).encrypt_phone("13800138000")
                await accounts.update_user(session, database.people[name].number, {"phone_encrypted": phone})

    assert "LIUYAN_CONTACT_KEY is not set" in database.run("rotate-contact-key").stderr
    asyncio.run(store_contacts())
    before = database.user("小审").phone_encrypted
    done = database.run("rotate-contact-key", LIUYAN_CONTACT_KEY=f"{new},{old}")
    assert done.returncode == 1
    assert "contacts of 1 accounts with the first key" in done.stdout
    assert "No key decrypts the contacts or second factors of 1 accounts; they are kept." in done.stderr
    assert Contacts([new]).decrypt(database.user("小管").phone_encrypted) == "13800138000"
    assert database.user("小审").phone_encrypted == before
    done = database.run("rotate-contact-key", LIUYAN_CONTACT_KEY=f"{new},{lost}")
    assert (done.returncode, done.stderr) == (0, "")
    assert Contacts([new]).decrypt(database.user("小审").phone_encrypted) == "13800138000"


def test_a_second_factor_is_rotated_and_reset(database: Database) -> None:
    old, new = "o" * 32, "n" * 32

    async def store_factor() -> None:
        async with Store.open(database.url) as store, store.writing() as session:
            number, now = database.people["小审"].number, datetime.now(UTC)
            secret = Contacts([old]).encrypt("JBSWY3DPEHPK3PXP")
            await second_factors.replace_second_factor(session, number, secret, now)
            await second_factors.confirm_second_factor(session, number, now)

    async def stored() -> second_factors.SecondFactor | None:
        async with Store.open(database.url) as store, store.reading() as connection:
            return await second_factors.find_second_factor(connection, database.people["小审"].number)

    asyncio.run(store_factor())
    done = database.run("rotate-contact-key", LIUYAN_CONTACT_KEY=f"{new},{old}")
    assert done.stdout == "Encrypted the contacts of 0 accounts with the first key. Second factors: 1.\n"
    rotated = asyncio.run(stored())
    assert rotated is not None
    assert Contacts([new]).decrypt(rotated.secret_encrypted) == "JBSWY3DPEHPK3PXP"
    assert "second factors of 1 accounts" in database.run("rotate-contact-key", LIUYAN_CONTACT_KEY=old).stderr
    assert database.output("reset-second-factor", "小审") == "Deleted the second factor of 小审.\n"
    assert asyncio.run(stored()) is None
    again = database.run("reset-second-factor", "小审")
    assert (again.returncode, again.stderr) == (1, "liuyan: This account has no second factor.\n")


def test_break_glass_prints_a_temporary_password_for_an_admin(database: Database) -> None:
    done = database.run("break-glass", "小管")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}\n", done.stdout)
    assert "/admin/login?local=1" in done.stderr
    assert database.is_valid(database.people["小管"].token)
    refused = database.run("break-glass", "小审")
    assert refused.stderr == "liuyan: The account 小审 is not an active administrator.\n"
    assert database.changes() == [("user.break_glass", "command", {"sessions_ended": 0})]


def test_linking_requires_single_sign_on(database: Database) -> None:
    refused = database.run("link-sso", "小审", "person-1")
    assert (refused.returncode, refused.stderr) == (1, "liuyan: LIUYAN_SSO_ISSUER is not set.\n")
    sso = {
        "LIUYAN_SSO_ISSUER": "https://id.example",
        "LIUYAN_SSO_CLIENT_ID": "liuyan",
        "LIUYAN_SSO_ROLES": "user=*",
    }
    wrong = database.run("link-sso", "小审", "person-1 ", **sso)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("liuyan: The subject must be the claim `sub` as the provider sends it: 1 to 255 ")
    done = database.run("link-sso", "小审", "person-1", **sso)
    assert (done.returncode, done.stdout) == (0, "The account 小审 signs in with single sign-on now.\n")
    taken = database.run("link-sso", "小管", "person-1", **sso)
    assert taken.stderr == (
        "liuyan: This person has the account 小审 already: unlink it first, with `liuyan api unlink-sso`.\n"
    )


def test_unlinking_needs_no_provider(database: Database) -> None:
    sso = {"LIUYAN_SSO_ISSUER": "https://id.example", "LIUYAN_SSO_CLIENT_ID": "x", "LIUYAN_SSO_ROLES": "user=*"}
    assert database.run("link-sso", "小审", "person-1", **sso).returncode == 0
    done = database.output("unlink-sso", "小审")
    assert done == "The account 小审 is no longer linked. Sessions ended: 0. Tokens revoked: 1.\n"
    again = database.run("unlink-sso", "小审")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "liuyan: The account 小审 is not linked to a person at the provider.\n"
    detail = {"issuer": "https://id.example", "sessions_ended": 0, "tokens_revoked": 1}
    linked = {"issuer": "https://id.example", "sessions_ended": 1}
    assert database.changes() == [("user.link", "command", linked), ("user.unlink", "command", detail)]
    shown = database.output("unlink-sso", "--help")
    assert "Example: liuyan api unlink-sso" in shown
