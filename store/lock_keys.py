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
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from liuyan.times import EPOCH
from store.batch import Arrival, Content, Label, Prediction, Tombstone
from store.dead_letters import comment_key
from store.folding import folded_digest, folded_digests
from store.merge import ABSENT, CurrentReview, Outcome, StoredState, by_key, merge_events
from store.packets import Result
from store.rows import CONTENT_COLUMNS, content_values, read_content
from store.sample import AuditSample
from store.session import Call, WriteSession
from store.statement_builder import IDENTITY, TupleRows
from store.types import read_time

Key = tuple[str, str]
Events = Sequence[Arrival | Tombstone]

# A token that no batch has.
NO_TOKEN = -1
# Inserted to lock a key whose only events are tombstones; deleted in the same transaction.
PLACEHOLDER = Content("", 0, EPOCH, None, None, None)
INSERTED_COLUMNS = (*IDENTITY, *CONTENT_COLUMNS, "folded_digest", "audit_rank")


class MergedKey(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class KeyLocks:
    """The keys of a batch to lock, in sorted order; the lists have an element per key.

    ``as_absent`` are the outcomes if no row exists, ``contents`` what locking inserts then, and ``folded`` the digests
    of their texts. ``looks_up_erasures`` says whether ``calls`` look up erasures by key.
    """

    events: Mapping[Key, Events]
    keys: Sequence[Key]
    ranks: Sequence[int | None]
    as_absent: Sequence[Outcome]
    contents: Sequence[Content]
    folded: Sequence[int]
    model: int
    token: int
    looks_up_erasures: bool


def prepare_locks(session: WriteSession, changes: Events, model: int, token: int, sample: AuditSample) -> KeyLocks:
    """Group the events of ``changes`` by key, and compute what locking inserts."""
    events = by_key(changes)
    keys = list(events)
    as_absent = [merge_events(ABSENT, events[key], model) for key in keys]
    contents = [outcome.content or PLACEHOLDER for outcome in as_absent]
    return KeyLocks(
        events,
        keys,
        sample.ranks(keys),
        as_absent,
        contents,
        folded_digests([content.text for content in contents]),
        model,
        token,
        session.erasures.exist,
    )


def lock_calls(session: WriteSession, locks: KeyLocks) -> list[Call]:
    """Return the calls that lock the keys until the transaction ends, and read what they find."""
    rows = [
        (*key, *content_values(content), digest, rank)
        for key, content, digest, rank in zip(locks.keys, locks.contents, locks.folded, locks.ranks, strict=True)
    ]
    inserted = TupleRows(INSERTED_COLUMNS, rows)
    return [session.call(session.statements.insert_keys, inserted, token=locks.token), _look_up(session, locks)]


async def merge_locked(session: WriteSession, locks: KeyLocks, found_keys: Result) -> list[MergedKey]:
    """Merge the events of each key; ``found_keys`` is the result of the last of ``lock_calls``."""
    events, keys, model = locks.events, locks.keys, locks.model
    ranks, as_absent, inserted_contents, folded = locks.ranks, locks.as_absent, locks.contents, locks.folded
    inserted, erased, horizon = await _inserted_and_erased(session, locks, found_keys)
    found = await _locked_rows(session, keys, locks.token) if len(inserted) < len(keys) else {}
    predictions = await _predictions(session, [row.number for row in found.values()])

    merged = []
    for at, key in enumerate(keys):
        if at in inserted:
            before = StoredState(erased_up_to=erased[at]) if at in erased else ABSENT
            kept = at not in erased and not _has_purged(events[key], horizon)
            after = as_absent[at] if kept else merge_events(before, events[key], model, horizon)
            content = inserted_contents[at]
            digest = _digest_of(after, content, folded[at])
            merged.append(MergedKey(*key, ranks[at], inserted[at], before, after, digest, content))
        else:
            row = found[at]
            before = StoredState(row.content, predictions.get(row.number, {}), erased.get(at), row.review)
            after = merge_events(before, events[key], model, horizon)
            digest = _digest_of(after, inserted_contents[at], folded[at])
            merged.append(MergedKey(*key, ranks[at], row.number, before, after, digest))
    return merged


def _has_purged(events: Events, horizon: datetime | None) -> bool:
    """Return whether a comment event is older than the retention horizon."""
    if horizon is None:
        return False
    return any(isinstance(event, Arrival) and event.content.created_at < horizon for event in events)


def _digest_of(after: Outcome, inserted: Content, digest: int) -> int:
    """Return the digest of the text to store; ``digest`` is that of the inserted text, which is usually the same."""
    if after.content is inserted or after.content is None or after.content.text == inserted.text:
        return digest
    return folded_digest(after.content.text)


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


def _look_up(session: WriteSession, locks: KeyLocks) -> Call:
    """Return a call that finds inserted rows, erasures and the retention horizon, since every batch needs all of them.

    Until a comment has been erased, it looks up no digests, because computing one for every comment takes time.
    """
    looked_up = locks.keys if locks.looks_up_erasures else ()
    digests = (erasure_digest(one, comment_key(*key)) for key in looked_up for one in session.erasure_keys)
    return session.call(
        session.statements.read_inserted_and_erased,
        TupleRows(IDENTITY, locks.keys),
        token=locks.token,
        digests=session.document(session.statements.digests, ({"digest": digest} for digest in digests)),
    )


async def _inserted_and_erased(
    session: WriteSession, locks: KeyLocks, found_keys: Result
) -> tuple[dict[int, int], dict[int, int], datetime | None]:
    """Return, by index among the keys, the numbers of inserted rows and the versions up to which keys are erased; and
    the retention horizon."""
    [(inserted_rows, erased_rows, erasures_exist, horizon)] = found_keys.rows
    session.erasures.exist |= bool(erasures_exist)
    if session.erasures.exist and not locks.looks_up_erasures:
        locks = replace(locks, looks_up_erasures=True)
        [found_keys] = await session.run_all([_look_up(session, locks)])
        return await _inserted_and_erased(session, locks, found_keys)
    inserted, found = (json.loads(gathered or "[]") for gathered in (inserted_rows, erased_rows))
    erased: dict[int, int] = {}
    for position, up_to in found:
        at = (position - 1) // len(session.erasure_keys)
        erased[at] = max(up_to, erased.get(at, up_to))
    return {position - 1: number for position, number in inserted}, erased, read_time(horizon)


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
