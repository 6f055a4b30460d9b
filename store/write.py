"""One micro-batch in one transaction, from the fence to the counts: read ``write_rows`` from top to bottom."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import TextClause

from store.batch import Advance, Batch, BatchOutcome, DeadLetter
from store.claim import Decided, content_fields, decide_under_lock, new_token
from store.copies import settle_copies
from store.dead_letters import comment_key, key_digest, letter_row, sentence, surviving
from store.decide import Labelled, Prediction, count_changes, hourly_changes, sum_changes
from store.errors import FencedError
from store.sample import AuditSample
from store.session import WriteSession
from store.types import time_text

_Key = TypeVar("_Key", bound=tuple[Any, ...])


async def write_rows(
    session: WriteSession, batch: Batch, erasure_key: bytes, sample: AuditSample, truncate: bool
) -> BatchOutcome:
    """Write a batch in the session's transaction. What has nothing to do costs no statement."""
    changes = [record for record in batch.records if not isinstance(record, DeadLetter)]
    letters = surviving(batch.records)
    became = Counter(dead=len(batch.records) - len(changes))

    await _advance(session, batch.advances)
    if changes:
        token = new_token()
        decided = await decide_under_lock(session, changes, batch.model, token, erasure_key, sample)
        became.update(name for key in decided for name in key.after.became)
        await _erase(session, decided, changes_erase=became["erased"] > 0)
        await _write_comments(session, decided, token)
        await _write_predictions(session, decided)
    if batch.copies:
        letters = await settle_copies(session, batch.copies, letters, erasure_key)
    if letters:
        await session.run(session.statements.write_letters, [letter_row(letter, truncate) for letter in letters])
    if changes:
        await _count(session, decided)
    return BatchOutcome(**became)


async def _advance(session: WriteSession, advances: Sequence[Advance]) -> None:
    """Move every partition from the offset at which the batch began. Raises FencedError unless all stood there."""
    if not advances:
        return
    rows = [
        [
            advance.partition.group,
            advance.partition.topic,
            advance.partition.partition,
            advance.expected,
            advance.next_offset,
            advance.records_lost,
            None if advance.pause_reason is None else sentence(advance.pause_reason),
        ]
        for advance in advances
    ]
    rows.sort(key=lambda row: row[:3])
    moved = (await session.run(session.statements.advance, rows)).rowcount
    if moved != len(rows):
        raise FencedError(f"Only {moved} of {len(rows)} partitions stand where this batch began.")


async def _erase(session: WriteSession, decided: Sequence[Decided], changes_erase: bool) -> None:
    """Delete comments that tombstones erased, with all that hangs on them, and claims that must not stay."""
    gone = [[key.number] for key in decided if (key.after.wiped if key.claimed is None else key.after.content is None)]
    if gone:
        await session.run(session.statements.delete_comments, gone)
    if changes_erase:
        wiped = [key for key in decided if key.after.wiped]
        letters = [[base64.b64encode(key_digest(comment_key(key.platform, key.id))).decode()] for key in wiped]
        await session.run(session.statements.delete_letters, letters)
        await session.run(session.statements.write_erasures, [[key.digest, key.after.erased_up_to] for key in wiped])


async def _write_comments(session: WriteSession, decided: Sequence[Decided], token: int) -> None:
    """Write the comments that are not as they stand, or as the claim wrote them, and keep the texts they replace."""
    rows, versions = [], []
    for key in decided:
        content, stands = key.after.content, key.claimed or key.before.content
        if content is None:
            continue
        if content != stands:
            review = (None, None) if key.after.review is None else (key.after.review.number, key.after.review.label)
            rows.append([key.number, *review, key.platform, key.id, *content_fields(content), key.audit_rank])
        for old in key.after.replaced:
            text, version, created_at, edited_at, *_ = content_fields(old)
            versions.append([key.number, version, text, created_at, edited_at])
    if rows:
        await session.run(session.statements.write_comments, rows, token=token)
    if versions:
        await session.run(session.statements.add_versions, versions)


async def _write_predictions(session: WriteSession, decided: Sequence[Decided]) -> None:
    """Add what this model thinks; every model's prediction of a text that was replaced goes."""
    gone, rows = [], []
    for key in decided:
        before, after = key.before.predictions, key.after.predictions
        if not key.after.wiped:
            gone += [[key.number, model] for model in before if model not in after]
        reviewed = int(key.after.review is not None)
        rows += [
            [key.number, model, *prediction_fields(prediction), reviewed]
            for model, prediction in after.items()
            if before.get(model) is not prediction
        ]
    if gone:
        await session.run(session.statements.delete_predictions, gone)
    if rows:
        await session.run(session.statements.write_predictions, rows)


def prediction_fields(prediction: Prediction) -> list[object]:
    """The fields of bulk.PREDICTION_COLUMNS from the label on; the distance is that of the probability from 0.5."""
    probability = prediction.probability
    return [prediction.label, probability, int(prediction.uncertain), abs(probability - 0.5)]


async def _count(session: WriteSession, decided: Sequence[Decided]) -> None:
    changes: Counter[Labelled] = Counter()
    for key in decided:
        count_changes(key.platform, key.before, key.after, changes)
    await move_label_counts(session, changes)


async def move_label_counts(session: WriteSession, changes: Mapping[Labelled, int]) -> None:
    """Move the hourly counts and their sums, last and sorted: all writers share these rows. What becomes zero goes."""
    statements = session.statements
    await move_counts(session, hourly_changes(changes), statements.add_counts, statements.delete_zero_counts)
    moved = [([_stored(part) for part in key], by) for key, by in sorted(sum_changes(changes).items()) if any(by)]
    if not moved:
        return
    await session.run(statements.add_sums, [[*key, *by] for key, by in moved])
    # Positive and negative come first, and without either there is no comment.
    lowered = [key for key, by in moved if min(by[:2]) < 0]
    if lowered:
        await session.run(statements.delete_zero_sums, lowered)


async def move_counts(
    session: WriteSession, changes: Mapping[_Key, int], add: TextClause, delete_zero: TextClause
) -> None:
    """Add to counts, sorted by their key, and delete those that become zero."""
    moved = [([_stored(part) for part in key], n) for key, n in sorted(changes.items()) if n != 0]
    if not moved:
        return
    await session.run(add, [[*key, n] for key, n in moved])
    lowered = [key for key, n in moved if n < 0]
    if lowered:
        await session.run(delete_zero, lowered)


def _stored(part: object) -> object:
    """A part of a count's key as the database takes it."""
    if isinstance(part, datetime):
        return time_text(part)
    return int(part) if isinstance(part, bool) else part
