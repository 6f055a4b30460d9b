"""Resolve dead letters whose requeued copies arrive, recognised by a header.

The header names the dead letter and authenticates key and value with the erasure key, so that no forged record can
resolve a dead letter or get itself dropped. Resolving is idempotent, so a copy may be delivered twice.
"""

import hashlib
import hmac
from collections.abc import Sequence

from store.batch import DeadLetter, PartitionKey, RequeuedRecord
from store.dead_letters import REASON_CHARACTERS, truncated
from store.session import WriteSession

DEAD_LETTER_HEADER = "liuyan-dead-letter"


def header_value(erasure_key: bytes, number: int, key: bytes | None, value: bytes | None) -> bytes:
    """Return the header value for a copy of dead letter ``number``: the number and a keyed digest."""
    parts = (b"-" if part is None else b"+" + hashlib.sha256(part).digest() for part in (key, value))
    digest = hmac.digest(erasure_key, b"liuyan: copy of letter %d: " % number + b"".join(parts), hashlib.sha256)
    return b"%d %s" % (number, digest[:16].hex().encode())


def requeued_letter_number(erasure_keys: Sequence[bytes], copy: RequeuedRecord) -> int | None:
    """Return the number of the dead letter that a record copies, or None if its header is not authentic."""
    number, _, _ = copy.header.partition(b" ")
    if not number.isdigit() or len(number) > 18:
        return None
    expected = [header_value(key, int(number), copy.key, copy.value) for key in erasure_keys]
    return int(number) if any(hmac.compare_digest(one, copy.header) for one in expected) else None


async def resolve_requeued(
    session: WriteSession,
    copies: Sequence[RequeuedRecord],
    letters: Sequence[DeadLetter],
    erasure_keys: Sequence[bytes],
) -> list[DeadLetter]:
    """Resolve each copied dead letter, or record why its copy failed; return the ``letters`` still to be written.

    A failed copy of a dead letter that no longer exists is dropped, because a tombstone has erased its key. A copy of
    another group's dead letter is treated like any other record; that group resolves it.
    """
    numbers = {(copy.partition, copy.offset): requeued_letter_number(erasure_keys, copy) for copy in copies}
    letter_numbers = sorted({number for number in numbers.values() if number is not None})
    if not letter_numbers:
        return list(letters)
    rows = await session.read(session.statements.read_dead_letters, [{"number": number} for number in letter_numbers])
    found = {letter_numbers[row["position"] - 1]: (row["consumer_group"], row["topic"]) for row in rows}
    failed = {(letter.partition, letter.offset): letter for letter in letters}
    resolutions: dict[int, dict[str, object]] = {}
    for record, number in numbers.items():
        if number is None:
            continue
        if number not in found:
            failed.pop(record, None)
        elif found[number] == (record[0].group, record[0].topic):
            row = _resolution_row(number, *record, failed.pop(record, None))
            if number not in resolutions or resolutions[number]["state"] != "resolved":
                resolutions[number] = row
    if resolutions:
        await session.run(
            session.statements.resolve_dead_letters, [resolutions[number] for number in sorted(resolutions)]
        )
    return list(failed.values())


def _resolution_row(number: int, partition: PartitionKey, offset: int, letter: DeadLetter | None) -> dict[str, object]:
    """Return the new values of a dead letter whose copy arrived; ``letter`` is the failed copy, or None."""
    return {
        "number": number,
        "state": "resolved" if letter is None else "open",
        "latest_partition": partition.partition,
        "latest_offset": offset,
        "reason": None if letter is None else letter.reason[:REASON_CHARACTERS],
        "detail": None if letter is None else truncated(letter.detail),
    }
