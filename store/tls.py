"""TLS to the database, from the parameters of its URL: the driver itself takes a context and no files.

``ssl_ca`` is the PEM file of the authorities that are trusted, ``ssl_cert`` and ``ssl_key`` our own certificate and its
key, and ``ssl_check_hostname=false`` does without the server's name, as for certificates that MySQL made for itself.
"""

import ssl
from typing import Any

from sqlalchemy.engine import URL

from store.errors import StoreError

PARAMETERS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_check_hostname")


def take_tls(url: URL) -> tuple[URL, ssl.SSLContext | None]:
    """The URL without the parameters of TLS, and the context that they describe, None without any.

    Raises StoreError when a file is missing or not what it should be.
    """
    given = {name: str(value) for name, value in url.query.items() if name in PARAMETERS}
    rest = url.difference_update_query(PARAMETERS)
    if not given:
        return rest, None
    try:
        context = ssl.create_default_context(cafile=given.get("ssl_ca"))
        context.check_hostname = given.get("ssl_check_hostname", "true").lower() not in ("false", "0", "no")
        if "ssl_cert" in given:
            context.load_cert_chain(given["ssl_cert"], given.get("ssl_key"))
    except (OSError, ssl.SSLError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror
        files = ", ".join(f"{name}={file}" for name, file in given.items() if name != "ssl_check_hostname")
        raise StoreError(f"LIUYAN_DATABASE_URL names files that cannot be used ({files}): {why}.") from None
    return rest, context


def refuse_plain(connection: Any, _record: object) -> None:
    """Called on each new connection: the driver goes on without TLS when the server offers none. Raises StoreError."""
    cursor = connection.cursor()
    cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
    row = cursor.fetchone()
    cursor.close()
    if row is None or not row[1]:
        raise StoreError(
            "The database offers no TLS and LIUYAN_DATABASE_URL asks for it: look at the server's settings."
        )
