"""Phone numbers and e-mail addresses: checked lightly, encrypted before they are stored, shown to who may see them."""

import base64
import re
from collections.abc import Sequence
from http import HTTPStatus

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.i18n import gettext
from api.problems import ProblemError

PHONE = re.compile(r"\+?[0-9][0-9 ()-]{4,30}[0-9]")
# In bytes: no mail server takes a longer address.
LONGEST = 254
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,180}\.[^@\s.\x00-\x1f]{2,60}")


class Contacts:
    """Encrypts under the newest of some keys and reads what any of them encrypted; without keys it keeps nothing."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in keys]) if keys else None

    @property
    def offered(self) -> bool:
        """Whether phone and e-mail are asked for."""
        return self._fernet is not None

    def encrypt_phone(self, phone: str | None) -> str | None:
        """A phone number to store. Raises ProblemError when it is none, or cannot be kept."""
        wrong = gettext("This is no phone number: write digits, with + and the country's number in front if you like.")
        return self._encrypt(phone, "phone", PHONE, wrong)

    def encrypt_email(self, email: str | None) -> str | None:
        """An e-mail address to store. Raises ProblemError when it is none, or cannot be kept."""
        wrong = gettext("This is no e-mail address: write it like name@example.com.")
        return self._encrypt(email, "email", EMAIL, wrong)

    def decrypt(self, stored: str | None) -> str | None:
        """What was encrypted; None where nothing was, or no key fits any more."""
        if stored is None or self._fernet is None:
            return None
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            return None

    def _encrypt(self, value: str | None, field: str, pattern: re.Pattern[str], wrong: str) -> str | None:
        if value is not None and len(value) > LONGEST:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"invalid_{field}", wrong, field=field)
        value = (value or "").strip()
        if not value:
            return None
        if self._fernet is None:
            detail = gettext("Phone and e-mail are not kept here, since LIUYAN_CONTACT_KEY is not set: leave them out.")
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "no_contact_key", detail, field=field)
        if not pattern.fullmatch(value) or len(value.encode()) > LONGEST:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"invalid_{field}", wrong, field=field)
        return self._fernet.encrypt(value.encode()).decode()


def _derive(key: str) -> bytes:
    """A key as Fernet wants it, out of a secret of any form."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"liuyan: contacts").derive(key.encode())
    return base64.urlsafe_b64encode(derived)
