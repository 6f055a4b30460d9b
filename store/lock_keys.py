"""Makes the keys of a batch its own until COMMIT, reads what stands under them, and decides what shall stand.

The claim inserts each key as if nothing stood there, with the content that the events would then give; most keys are
new, and for them nothing more is to be written. A random number in the row tells which ones these are.
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
from store.merge import ABSENT, CurrentReview, Outcome, StoredState, by_key, merge_events
from store.rows import content_row, read_content
from store.sample import AuditSample
from store.session import WriteSession

Key = tuple[str, str]
Events = Sequence[Arrival | Tombstone]

# No batch has this random number.
NO_TOKEN = -1
# Holds the place of a key that has tombstones alone, until the end of its own transaction.
PLACEHOLDER = Content("", 0, EPOCH, None, None, None)


@dataclass(frozen=True, slots=True)
class MergedKey:
    """One key, decided under lock. ``claimed`` is what the claim wrote, None where a row stood before; ``number`` is
    the row's, ``audit_rank`` its place in the audit sample."""

    platform: str
    id: str
    digest: str
    audit_rank: int | None
    number: int
    before: StoredState
    after: Outcome
    claimed: Content | None = None


@dataclass(frozen=True, slots=True)
class LockedRow:
    """A row that stood before the batch."""

    number: int
    review: CurrentReview | None
    content: Content


async def lock_and_merge(
    session: WriteSession, changes: Events, model: int, token: int, erasure_key: bytes, sample: AuditSample
) -> list[MergedKey]:
    """Claim the keys of ``changes``, sorted, and decide each; the keys stay locked until the transaction ends."""
    events = by_key(changes)
    keys = list(events)
    digests = [erasure_digest(erasure_key, *key) for key in keys]
    ranks = [sample.rank(*key) for key in keys]
    as_absent = [merge_events(ABSENT, events[key], model) for key in keys]
    claims = [outcome.content or PLACEHOLDER for outcome in as_absent]
    rows = map(_claim_row, keys, claims, ranks)
    await session.run(session.statements.claim, rows, token=token)

    own, erased = await _own_and_erased(session, keys, digests, token)
    found = await _found(session, keys, token) if len(own) < len(keys) else {}
    predictions = await _predictions(session, [row.number for row in found.values()])

    decided = []
    for at, key in enumerate(keys):
        if at in own:
            before = StoredState(erased_up_to=erased[at]) if at in erased else ABSENT
            after = merge_events(before, events[key], model) if at in erased else as_absent[at]
            decided.append(MergedKey(*key, digests[at], ranks[at], own[at], before, after, claims[at]))
        else:
            row = found[at]
            before = StoredState(row.content, predictions.get(row.number, {}), erased.get(at), row.review)
            after = merge_events(before, events[key], model)
            decided.append(MergedKey(*key, digests[at], ranks[at], row.number, before, after))
    return decided


def _claim_row(key: Key, content: Content, audit_rank: int | None) -> dict[str, object]:
    row = content_row(content)
    row["platform"], row["id"] = key
    row["audit_rank"] = audit_rank
    return row


def new_token() -> int:
    """A batch's random number."""
    return secrets.randbits(63)


def erasure_digest(erasure_key: bytes, platform: str, id: str) -> str:
    """By this an erased comment is known again, in base64: without the key nobody can try names against it."""
    return base64.b64encode(hmac.digest(erasure_key, comment_key(platform, id), hashlib.sha256)).decode()


async def lock_current(
    session: WriteSession, keys: Sequence[Key]
) -> dict[Key, tuple[LockedRow, dict[int, Prediction]]]:
    """What stands of ``keys``, which are sorted: each comment with its predictions, locked until the transaction ends;
    a key without a comment is left out."""
    found = await _found(session, keys, NO_TOKEN)
    predictions = await _predictions(session, [row.number for row in found.values()])
    return {keys[at]: (row, predictions.get(row.number, {})) for at, row in found.items()}


async def _own_and_erased(
    session: WriteSession, keys: Sequence[Key], digests: Sequence[str], token: int
) -> tuple[dict[int, int], dict[int, int]]:
    """By position among the keys: the rows that this batch inserted, and up to which version keys were erased before.
    One question for both, since every batch asks them."""
    statements = session.statements
    asked = statements.digests.document({"digest": digest} for digest in digests)
    row = (await session.run(statements.own_and_erased, map(_named, keys), token=token, digests=asked)).one()
    own, erased = ({position - 1: value for position, value in json.loads(gathered or "[]")} for gathered in row)
    return own, erased


async def _found(session: WriteSession, keys: Sequence[Key], token: int) -> dict[int, LockedRow]:
    """The rows that stood before, by their position among the keys."""
    rows = await session.read(session.statements.standing, map(_named, keys), token=token)
    return {row["position"] - 1: LockedRow(row["number"], _review(row), read_content(row)) for row in rows}


def _review(row: Mapping[str, Any]) -> CurrentReview | None:
    number = row["review_number"]
    return None if number is None else CurrentReview(number, row["review_label"])


def _named(key: Key) -> dict[str, object]:
    platform, id = key
    return {"platform": platform, "id": id}


async def _predictions(session: WriteSession, numbers: Sequence[int]) -> dict[int, dict[int, Prediction]]:
    """The predictions of all models for these comments: comment -> model -> prediction."""
    predictions: dict[int, dict[int, Prediction]] = {}
    if numbers:
        asked = [{"comment_number": number} for number in numbers]
        for row in await session.read(session.statements.predictions_of, asked):
            prediction = Prediction(Label(row["label"]), row["probability"], row["uncertain"])
            predictions.setdefault(row["comment_number"], {})[row["model_number"]] = prediction
    return predictions
