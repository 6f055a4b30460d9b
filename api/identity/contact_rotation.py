"""Encrypt all stored contacts with the newest key, so that older keys can be removed from the settings."""

from dataclasses import dataclass

from api.identity.accounts import contacts_of
from api.services import AccountServices
from liuyan.errors import LiuyanError
from store import audit
from store.accounts import User, lock_contacts, update_user
from store.audit import Actor

ACCOUNTS_PER_TRANSACTION = 200
COLUMNS = ("phone_encrypted", "email_encrypted")


@dataclass(frozen=True, slots=True)
class Rotated:
    """The number of accounts whose contacts were encrypted again, and of those with a contact that no key decrypts."""

    accounts: int
    unreadable: int


async def rotate_contacts(services: AccountServices, actor: Actor) -> Rotated:
    """Encrypt every contact with the newest key, in bounded transactions. Contacts that no key decrypts are kept.

    It can be repeated after an interruption. Raises LiuyanError without a key.
    """
    if not contacts_of(services).offered:
        raise LiuyanError("LIUYAN_CONTACT_KEY is not set. Set it to the new key, followed by the older ones.")
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
                detail = {"accounts": done, "unreadable": unreadable}
                await audit.record(session, actor, "user.rotate_contacts", "users", "", detail)
                return Rotated(done, unreadable)
        after = users[-1].number


def _rotated(services: AccountServices, user: User) -> dict[str, str | None]:
    """Return the new columns of the contacts that an account has; None where no key decrypts one."""
    contacts = contacts_of(services)
    stored = {column: getattr(user, column) for column in COLUMNS}
    return {column: contacts.rotate(value) for column, value in stored.items() if value is not None}
