"""The rules for erasing an account and exporting what is stored about it."""

from collections.abc import AsyncIterator
from typing import Any

from api.identity import accounts
from api.services import AccountServices
from store import account_erasure
from store.account_erasure import ErasedAccount
from store.audit import Actor
from store.person_export import export_account


async def erase_account(services: AccountServices, actor: Actor, number: int) -> ErasedAccount:
    """Erase an account. Raises ProblemError: 404, 409 for the last admin."""
    with accounts.problems():
        return await account_erasure.erase_account(services.store, actor, number)


async def account_records(services: AccountServices, number: int) -> AsyncIterator[dict[str, Any]]:
    """Return everything that is stored about an account. Raises ProblemError, 404."""
    user = await accounts.read_user(services, number)
    contacts = accounts.contacts_of(services)
    plain = {"phone": contacts.decrypt(user.phone_encrypted), "email": contacts.decrypt(user.email_encrypted)}
    return export_account(services.store, user, plain)
