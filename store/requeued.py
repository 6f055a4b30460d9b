"""Dead letters that were published again: their copies are known by a header, and settle the letter they came from.

The header names the letter and is sealed, with the erasure key, to key and value: nobody can settle a letter with
another content, or let a record be dropped. A copy delivered twice settles its letter the same way twice.
"""

import hashlib
import hmac
from collections.abc import Sequence

from store.batch import DeadLetter, PartitionKey, RequeuedRecord
from store.dead_letters import REASON_CHARACTERS, truncated
from store.session import WriteSession

DEAD_LETTER_HEADER = "liuyan-dead-letter"


def header_value(erasure_key: bytes, number: int, key: bytes | None, value: bytes | None) -> bytes:
    """The header's value for a copy of letter ``number``: the number, and a digest that only we can make."""
    parts = (b"-" if part is None else b"+" + hashlib.sha256(part).digest() for part in (key, value))
    digest = hmac.digest(erasure_key, b"liuyan: copy of letter %d: " % number + b"".join(parts), hashlib.sha256)
    return b"%d %s" % (number, digest[:16].hex().encode())


def requeued_letter_number(erasure_key: bytes, copy: RequeuedRecord) -> int | None:
    """The number of the letter that a record is a copy of; None when its header is not one of ours."""
    number, _, _ = copy.header.partition(b" ")
    if not number.isdigit() or len(number) > 18:
        return None
    sealed = header_value(erasure_key, int(number), copy.key, copy.value)
    return int(number) if hmac.compare_digest(sealed, copy.header) else None


async def resolve_requeued(
    session: WriteSession, copies: Sequence[RequeuedRecord], letters: Sequence[DeadLetter], erasure_key: bytes
) -> list[DeadLetter]:
    """Say of each copied letter that it is resolved, or why it failed again; the letters that are still to be written.

    A failed copy of a letter that is gone is dropped: its key was erased since it was published. A letter of another
    group is that group's to settle, and here the copy is a record like any other.
    """
    numbers = {(copy.partition, copy.offset): requeued_letter_number(erasure_key, copy) for copy in copies}
    sealed = sorted({number for number in numbers.values() if number is not None})
    if not sealed:
        return list(letters)
    rows = await session.read(session.statements.dead_letters_of, [{"number": number} for number in sealed])
    found = {sealed[row["position"] - 1]: (row["consumer_group"], row["topic"]) for row in rows}
    failed = {(letter.partition, letter.offset): letter for letter in letters}
    settled: dict[int, dict[str, object]] = {}
    for place, number in numbers.items():
        if number is None:
            continue
        if number not in found:
            failed.pop(place, None)
        elif found[number] == (place[0].group, place[0].topic):
            row = _settled(number, *place, failed.pop(place, None))
            if number not in settled or settled[number]["state"] != "resolved":
                settled[number] = row
    if settled:
        await session.run(session.statements.resolve_dead_letters, [settled[number] for number in sorted(settled)])
    return list(failed.values())


def _settled(number: int, partition: PartitionKey, offset: int, letter: DeadLetter | None) -> dict[str, object]:
    """What becomes of a letter whose copy is there, by column; ``letter`` says why the copy failed."""
    return {
        "number": number,
        "state": "resolved" if letter is None else "open",
        "latest_partition": partition.partition,
        "latest_offset": offset,
        "reason": None if letter is None else letter.reason[:REASON_CHARACTERS],
        "detail": None if letter is None else truncated(letter.detail),
    }
