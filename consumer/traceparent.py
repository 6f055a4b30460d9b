"""Read the W3C trace context of a record, so that log lines about it can be found from the publisher's trace."""

import re
from collections.abc import Iterable

HEADER = "traceparent"
# Version 00 ends here; later versions may append fields. All zeros identify nothing.
_FORMAT = re.compile(rb"((?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-[\x21-\x7e]*)?")


def traceparent_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """Return version, trace id, parent id and flags of the first valid ``traceparent`` header, or None."""
    for name, value in headers:
        match = _FORMAT.fullmatch(value or b"") if name == HEADER else None
        if match is not None and (match[2] is None or not match[1].startswith(b"00")):
            return match[1].decode()
    return None
