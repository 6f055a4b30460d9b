"""Validate and encrypt phone numbers and e-mail addresses. The same keys encrypt the secrets of second factors."""

import re
from collections.abc import Sequence
from http import HTTPStatus

from cryptography.fernet import InvalidToken, MultiFernet

from api.i18n import gettext
from api.identity.secrets import fernet_of
from api.problems import ProblemError

PHONE = re.compile(r"\+?[0-9][0-9 ()-]{4,30}[0-9]")
# In bytes, the limit of SMTP.
LONGEST = 254
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,180}\.[^@\s.\x00-\x1f]{2,60}")


class Contacts:
    """Encrypts with the first key and decrypts with any of them. Without keys, contacts cannot be stored."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([fernet_of(key, "contacts") for key in keys]) if keys else None

    @property
    def offered(self) -> bool:
        """Whether phone and e-mail can be stored."""
        return self._fernet is not None

    def encrypt_phone(self, phone: str | None) -> str | None:
        """Encrypt a phone number. Raises ProblemError if it is invalid or cannot be stored."""
        wrong = gettext("Invalid phone number. Use digits, optionally starting with + and the country code.")
        return self._encrypt(phone, "phone", PHONE, wrong)

    def encrypt_email(self, email: str | None) -> str | None:
        """Encrypt an e-mail address. Raises ProblemError if it is invalid or cannot be stored."""
        wrong = gettext("Invalid e-mail address. Write it like name@example.com.")
        return self._encrypt(email, "email", EMAIL, wrong)

    def encrypt(self, plain: str) -> str:
        """Encrypt any text. Raises ProblemError, 409, without keys."""
        if self._fernet is None:
            detail = gettext("This is not offered here, since LIUYAN_CONTACT_KEY is not set: ask an administrator.")
            raise ProblemError(HTTPStatus.CONFLICT, "no_contact_key", detail)
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, stored: str | None) -> str | None:
        """Return the plain text; None if nothing is stored or no key can decrypt it."""
        if stored is None or self._fernet is None:
            return None
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            return None

    def replacement(self, column: str, stored: str | None, new: str | None) -> dict[str, str | None]:
        """Return the column's change from ``stored`` to ``new``, both encrypted; empty if the plain text is the same.

        Raises ProblemError, 409, if no key can decrypt what is stored: with the right key it may still be needed.
        """
        if stored is None:
            return {column: new}
        plain = self.decrypt(stored)
        if plain is None:
            detail = gettext(
                "The stored contacts cannot be decrypted and are kept unchanged: an administrator must add their "
                "key to LIUYAN_CONTACT_KEY first."
            )
            field = column.removesuffix("_encrypted")
            raise ProblemError(HTTPStatus.CONFLICT, "contact_unreadable", detail, field=field)
        return {} if plain == self.decrypt(new) else {column: new}

    def rotate(self, stored: str | None) -> str | None:
        """Encrypt a stored contact with the first key. Returns None if nothing is stored or no key can decrypt it."""
        if stored is None or self._fernet is None:
            return None
        try:
            return self._fernet.rotate(stored.encode()).decode()
        except InvalidToken:
            return None

    def _encrypt(self, value: str | None, field: str, pattern: re.Pattern[str], wrong: str) -> str | None:
        if value is not None and len(value) > LONGEST:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"invalid_{field}", wrong, field=field)
        value = (value or "").strip()
        if not value:
            return None
        if self._fernet is None:
            detail = gettext(
                "Phone and e-mail cannot be stored because LIUYAN_CONTACT_KEY is not set: leave them empty."
            )
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "no_contact_key", detail, field=field)
        if not pattern.fullmatch(value) or len(value.encode()) > LONGEST:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"invalid_{field}", wrong, field=field)
        return self._fernet.encrypt(value.encode()).decode()
