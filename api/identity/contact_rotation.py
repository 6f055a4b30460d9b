"""Encrypt all stored contacts and second factors with the newest key, so that older keys can be removed."""

from dataclasses import asdict, dataclass

from api.identity.accounts import contacts_of
from api.services import AccountServices
from liuyan.errors import LiuyanError
from store import audit
from store.accounts import User, lock_contacts, update_user
from store.audit import Actor
from store.second_factors import lock_second_factors, store_secret

ACCOUNTS_PER_TRANSACTION = 200
COLUMNS = ("phone_encrypted", "email_encrypted")


@dataclass(frozen=True, slots=True)
class Rotated:
    """The number of accounts whose contacts, and of second factors that were encrypted again.

    ``unreadable`` is the number of accounts with a contact, and of second factors, that no key decrypts.
    """

    accounts: int
    second_factors: int
    unreadable: int


async def rotate_contacts(services: AccountServices, actor: Actor) -> Rotated:
    """Encrypt everything with the newest key, in bounded transactions. What no key decrypts is kept.

    It can be repeated after an interruption. Raises LiuyanError without a key.
    """
    if not contacts_of(services).offered:
        raise LiuyanError("LIUYAN_CONTACT_KEY is not set. Set it to the new key, followed by the older ones.")
    accounts, unreadable = await _rotate_accounts(services)
    factors, lost = await _rotate_second_factors(services)
    rotated = Rotated(accounts, factors, unreadable + lost)
    async with services.store.writing() as session:
        await audit.record(session, actor, "user.rotate_contacts", "users", "", asdict(rotated))
    return rotated


async def _rotate_accounts(services: AccountServices) -> tuple[int, int]:
    done = unreadable = after = 0
    while True:
        async with services.store.writing() as session:
            users = await lock_contacts(session, after, ACCOUNTS_PER_TRANSACTION)
            for user in users:
                changes = _rotated(services, user)
                unreadable += None in changes.values()
                readable = {column: value for column, value in changes.items() if value is not None}
                await update_user(session, user.number, readable)
                done += bool(readable)
        if len(users) < ACCOUNTS_PER_TRANSACTION:
            return done, unreadable
        after = users[-1].number


async def _rotate_second_factors(services: AccountServices) -> tuple[int, int]:
    done = unreadable = after = 0
    while True:
        async with services.store.writing() as session:
            factors = await lock_second_factors(session, after, ACCOUNTS_PER_TRANSACTION)
            for factor in factors:
                rotated = contacts_of(services).rotate(factor.secret_encrypted)
                if rotated is not None:
                    await store_secret(session, factor.user_number, rotated)
                done, unreadable = done + (rotated is not None), unreadable + (rotated is None)
        if len(factors) < ACCOUNTS_PER_TRANSACTION:
            return done, unreadable
        after = factors[-1].user_number


def _rotated(services: AccountServices, user: User) -> dict[str, str | None]:
    """Return the new columns of the contacts that an account has; None where no key decrypts one."""
    contacts = contacts_of(services)
    stored = {column: getattr(user, column) for column in COLUMNS}
    return {column: contacts.rotate(value) for column, value in stored.items() if value is not None}
