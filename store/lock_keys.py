"""Lock a batch's keys, read their current rows and compute the new ones.

Locking inserts every key with the content that its events produce if no row exists. Most keys are new, and their rows
are then complete. A random number in the row, the batch's token, identifies the rows that this batch inserted.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liuyan.times import EPOCH
from store.batch import Arrival, Content, Label, Prediction, Tombstone
from store.dead_letters import comment_key
from store.folding import folded_digest
from store.merge import ABSENT, CurrentReview, Outcome, StoredState, by_key, merge_events
from store.rows import content_row, read_content
from store.sample import AuditSample
from store.session import WriteSession

Key = tuple[str, str]
Events = Sequence[Arrival | Tombstone]

# A token that no batch has.
NO_TOKEN = -1
# Inserted to lock a key whose only events are tombstones; deleted in the same transaction.
PLACEHOLDER = Content("", 0, EPOCH, None, None, None)


@dataclass(frozen=True, slots=True)
class MergedKey:
    """A key merged under lock. ``number`` is its row's, ``audit_rank`` its rank in the audit sample, ``folded_digest``
    the digest of its new text, and ``inserted`` the content that locking inserted, None if the row existed."""

    platform: str
    id: str
    audit_rank: int | None
    number: int
    before: StoredState
    after: Outcome
    folded_digest: int
    inserted: Content | None = None


@dataclass(frozen=True, slots=True)
class LockedRow:
    """A comment's row that existed before the batch."""

    number: int
    review: CurrentReview | None
    content: Content


async def lock_and_merge(
    session: WriteSession, changes: Events, model: int, token: int, erasure_keys: Sequence[bytes], sample: AuditSample
) -> list[MergedKey]:
    """Lock the keys of ``changes`` in sorted order until the transaction ends, and merge the events of each.

    Erasures are looked up with all ``erasure_keys``.
    """
    events = by_key(changes)
    keys = list(events)
    ranks = [sample.rank(*key) for key in keys]
    as_absent = [merge_events(ABSENT, events[key], model) for key in keys]
    inserted_contents = [outcome.content or PLACEHOLDER for outcome in as_absent]
    # Once per text, because this runs for every comment of every batch.
    folded = [folded_digest(content.text) for content in inserted_contents]
    rows = map(_inserted_row, keys, inserted_contents, ranks, folded)
    await session.run(session.statements.insert_keys, rows, token=token)

    inserted, erased = await _inserted_and_erased(session, keys, erasure_keys, token)
    found = await _locked_rows(session, keys, token) if len(inserted) < len(keys) else {}
    predictions = await _predictions(session, [row.number for row in found.values()])

    merged = []
    for at, key in enumerate(keys):
        if at in inserted:
            before = StoredState(erased_up_to=erased[at]) if at in erased else ABSENT
            after = merge_events(before, events[key], model) if at in erased else as_absent[at]
            content = inserted_contents[at]
            digest = _digest_of(after, content, folded[at])
            merged.append(MergedKey(*key, ranks[at], inserted[at], before, after, digest, content))
        else:
            row = found[at]
            before = StoredState(row.content, predictions.get(row.number, {}), erased.get(at), row.review)
            after = merge_events(before, events[key], model)
            digest = _digest_of(after, inserted_contents[at], folded[at])
            merged.append(MergedKey(*key, ranks[at], row.number, before, after, digest))
    return merged


def _digest_of(after: Outcome, inserted: Content, digest: int) -> int:
    """Return the digest of the text to store; ``digest`` is that of the inserted text, which is usually the same."""
    if after.content is None or after.content.text == inserted.text:
        return digest
    return folded_digest(after.content.text)


def _inserted_row(key: Key, content: Content, audit_rank: int | None, digest: int) -> dict[str, object]:
    row = content_row(content)
    row["platform"], row["id"] = key
    row["folded_digest"] = digest
    row["audit_rank"] = audit_rank
    return row


def new_token() -> int:
    """Return a batch's token: a random number."""
    return secrets.randbits(63)


def erasure_digest(erasure_key: bytes, comment: bytes) -> str:
    """Return the base64 digest that identifies an erased comment by its key.

    It is keyed, so nobody can test ids against it.
    """
    return base64.b64encode(hmac.digest(erasure_key, comment, hashlib.sha256)).decode()


async def lock_current(
    session: WriteSession, keys: Sequence[Key]
) -> dict[Key, tuple[LockedRow, dict[int, Prediction]]]:
    """Lock the comments of ``keys`` until the transaction ends, and return each with its predictions.

    ``keys`` must be sorted; those without a comment are left out.
    """
    found = await _locked_rows(session, keys, NO_TOKEN)
    predictions = await _predictions(session, [row.number for row in found.values()])
    return {keys[at]: (row, predictions.get(row.number, {})) for at, row in found.items()}


async def _inserted_and_erased(
    session: WriteSession, keys: Sequence[Key], erasure_keys: Sequence[bytes], token: int
) -> tuple[dict[int, int], dict[int, int]]:
    """Return, by index among the keys, the numbers of inserted rows and the versions up to which keys are erased.

    One query reads both, since every batch needs them. Until a comment has been erased, it looks up no digests, because
    computing one for every comment takes time; if it finds out that one has been erased, it is run again.
    """
    looked_up = session.erasures.exist
    digests = (erasure_digest(one, comment_key(*key)) for key in keys for one in erasure_keys) if looked_up else ()
    row = (
        await session.run(
            session.statements.read_inserted_and_erased,
            map(_key_row, keys),
            token=token,
            digests=session.document(session.statements.digests, ({"digest": digest} for digest in digests)),
        )
    ).one()
    inserted_rows, erased_rows, erasures_exist = list(row)
    session.erasures.exist |= bool(erasures_exist)
    if session.erasures.exist and not looked_up:
        return await _inserted_and_erased(session, keys, erasure_keys, token)
    inserted, found = (json.loads(gathered or "[]") for gathered in (inserted_rows, erased_rows))
    erased: dict[int, int] = {}
    for position, up_to in found:
        at = (position - 1) // len(erasure_keys)
        erased[at] = max(up_to, erased.get(at, up_to))
    return {position - 1: number for position, number in inserted}, erased


async def _locked_rows(session: WriteSession, keys: Sequence[Key], token: int) -> dict[int, LockedRow]:
    """Lock the rows that existed before, and return them by index among the keys."""
    rows = await session.read(session.statements.read_current, map(_key_row, keys), token=token)
    return {row["position"] - 1: LockedRow(row["number"], _review(row), read_content(row)) for row in rows}


def _review(row: Mapping[str, Any]) -> CurrentReview | None:
    number = row["review_number"]
    return None if number is None else CurrentReview(number, row["review_label"])


def _key_row(key: Key) -> dict[str, object]:
    platform, id = key
    return {"platform": platform, "id": id}


async def _predictions(session: WriteSession, numbers: Sequence[int]) -> dict[int, dict[int, Prediction]]:
    """Return the predictions of all models for these comments: comment -> model -> prediction."""
    predictions: dict[int, dict[int, Prediction]] = {}
    if numbers:
        comments = [{"comment_number": number} for number in numbers]
        for row in await session.read(session.statements.read_predictions, comments):
            prediction = Prediction(Label(row["label"]), row["probability"], row["uncertain"])
            predictions.setdefault(row["comment_number"], {})[row["model_number"]] = prediction
    return predictions
