"""TLS to the database, configured by URL parameters; the driver accepts only an SSLContext.

``ssl_ca`` is a PEM file of trusted CAs, ``ssl_cert`` and ``ssl_key`` are the client certificate and its key, and
``ssl_check_hostname=false`` skips the host name check, for certificates that MySQL generated itself.
"""

import ssl
from typing import Any

from sqlalchemy.engine import URL

from store.errors import StoreError

PARAMETERS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_check_hostname")


def take_tls(url: URL) -> tuple[URL, ssl.SSLContext | None]:
    """Return the URL without TLS parameters and the SSLContext that they describe, or None without any.

    Raises StoreError if a file is missing or invalid.
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
        raise StoreError(f"Cannot load the TLS files in LIUYAN_DATABASE_URL ({files}): {why}.") from None
    return rest, context


def refuse_plain(connection: Any, _record: object) -> None:
    """Refuse a new connection without TLS, to which the driver falls back silently. Raises StoreError."""
    cursor = connection.cursor()
    cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
    row = cursor.fetchone()
    cursor.close()
    if row is None or not row[1]:
        raise StoreError(
            "LIUYAN_DATABASE_URL asks for TLS, but the database does not offer it. Enable TLS on the server."
        )
