"""Write one micro-batch in one transaction, from advancing the offsets to updating the counts."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from operator import itemgetter
from typing import TypeVar

from store.batch import Advance, Batch, BatchOutcome, Content, DeadLetter
from store.dead_letters import comment_key, dead_letter_row, key_digest, surviving, truncated
from store.errors import FencedError, StoreError
from store.lock_keys import MergedKey, erasure_digest, lock_calls, merge_locked, new_token, prepare_locks
from store.merge import (
    CommentCount,
    CountSum,
    HourlyCount,
    Labelled,
    ReviewerCount,
    comment_counts,
    count_keys,
    hourly_changes,
    sum_changes,
)
from store.models import active_of
from store.packets import Result
from store.requeued import resolve_requeued
from store.rows import PREDICTION_COLUMNS, content_row, distance_of
from store.sample import AuditSample
from store.session import Call, WriteSession
from store.statement_builder import Statement, TupleRows, Values

# The columns of a prediction's row in the order of its table.
PREDICTION_ROW = ("comment_number", "model_number", *PREDICTION_COLUMNS, "reviewed", "distance", "folded_digest")
_Key = TypeVar("_Key", bound=HourlyCount | ReviewerCount | CommentCount)


async def write_batch(session: WriteSession, batch: Batch, *, truncate_dead_letters: bool = False) -> BatchOutcome:
    """Write a batch with its offsets in the session's transaction. Steps without work execute no statement.

    ``truncate_dead_letters`` stores only the beginning of each dead letter, for a record that is too large.
    Raises FencedError, TransientStoreError, PermanentStoreError.
    """
    keys = session.erasure_keys
    if not keys:
        raise StoreError("The erasure keys are missing: call check_ready with them before write_batch.")
    sample = AuditSample.of(keys[-1], session.audit_share)
    changes = [record for record in batch.records if not isinstance(record, DeadLetter)]
    outcomes = Counter(dead=len(batch.records) - len(changes))
    letters = surviving(batch.records) if outcomes["dead"] else []

    token = new_token()
    locks = prepare_locks(session, changes, batch.model, token, sample) if changes else None
    advance = advance_calls(session, batch.advances)
    found = await session.run_all([*advance, *(lock_calls(session, locks) if locks else ())])
    check_advanced(batch.advances, found)
    calls: list[Call] = []
    if locks:
        merged = await merge_locked(session, locks, found[-1])
        outcomes.update([name for key in merged for name in key.after.effects])
        calls += _erase(session, merged, keys[0], has_tombstones=outcomes["erased"] > 0)
        calls += _write_comments(session, merged, token)
        calls += _write_predictions(session, merged)
    if batch.copies:
        await session.run_all(calls)
        calls = []
        letters = await resolve_requeued(session, batch.copies, letters, keys)
    if letters:
        rows = [dead_letter_row(letter, truncate_dead_letters) for letter in letters]
        calls.append(session.call(session.statements.write_dead_letters, rows))
    if locks:
        # The last lock, so that a consumer that freezes in the middle of a batch almost never holds it.
        calls += [*_count(session, merged), session.call(session.statements.lock_active)]
    found = await session.run_all(calls)
    if locks:
        await _add_missing(session, merged, batch.model, active_of(found[-1]))
    return BatchOutcome(**outcomes)


async def _add_missing(session: WriteSession, merged: Sequence[MergedKey], model: int, active: int | None) -> None:
    """If ``model`` is no longer active, add the comments that the active model has not labelled to its queue.

    The active model is locked: a promotion waits for the end of this transaction.
    """
    if active is None or active == model:
        return
    # Sorted, so that all writers add them in the same order.
    missing = sorted(key.number for key in merged if key.after.content and active not in key.after.predictions)
    if missing:
        await session.run(session.statements.add_missing, [{"comment_number": number} for number in missing])


def advance_calls(session: WriteSession, advances: Sequence[Advance]) -> list[Call]:
    """Return the calls that advance every partition of a batch: the first ones of its transaction."""
    rows = [
        {
            "consumer_group": advance.partition.group,
            "topic": advance.partition.topic,
            "partition": advance.partition.partition,
            "expected": advance.expected,
            "next_offset": advance.next_offset,
            "records_lost": advance.records_lost,
            "paused_reason": None if advance.pause_reason is None else truncated(advance.pause_reason),
        }
        for advance in sorted(advances, key=_partition_order)
    ]
    return [session.call(session.statements.advance, rows)] if rows else []


def check_advanced(advances: Sequence[Advance], found: Sequence[Result]) -> None:
    """Raise FencedError unless every partition was at the offset where the batch began.

    The statements that were sent together with the advances are rolled back with them.
    """
    moved = found[0].rowcount if advances else 0
    if moved != len(advances):
        raise FencedError(f"Only {moved} of {len(advances)} partitions are at the offset where this batch began.")


def _partition_order(advance: Advance) -> tuple[str, str, int]:
    return advance.partition.group, advance.partition.topic, advance.partition.partition


def _erase(
    session: WriteSession, merged: Sequence[MergedKey], erasure_key: bytes, *, has_tombstones: bool
) -> Iterator[Call]:
    """Delete erased comments with their dependent rows, and rows that locking inserted but that have no content; record
    the erasures with digests of ``erasure_key``."""
    statements = session.statements
    deleted = [
        {"number": key.number}
        for key in merged
        if (key.after.erased if key.inserted is None else key.after.content is None)
    ]
    if deleted:
        yield session.call(statements.delete_comments, deleted)
    if has_tombstones:
        erased = [key for key in merged if key.after.erased]
        names = [comment_key(key.platform, key.id) for key in erased]
        digests = [base64.b64encode(key_digest(name)).decode() for name in names]
        rows = [{"key_digest": digest, "comment_digest": digest} for digest in digests]
        yield session.call(statements.delete_dead_letters, rows)
        yield session.call(statements.delete_dead_letters_by_value, rows)
        erasures = [
            {"digest": erasure_digest(erasure_key, name), "erased_up_to": key.after.erased_up_to}
            for name, key in zip(names, erased, strict=True)
        ]
        yield session.call(statements.write_erasures, erasures)
        session.erasures.exist = True


def _write_comments(session: WriteSession, merged: Sequence[MergedKey], token: int) -> Iterator[Call]:
    """Write the comments that differ from the stored or just inserted row, and keep the texts that edits replaced."""
    changed, replaced = [], []
    for key in merged:
        content, stored = key.after.content, key.inserted or key.before.content
        if content is None:
            continue
        if content is not stored and content != stored:
            changed.append((key, content))
        replaced += [(key.number, old) for old in key.after.replaced]
    # Rows are created lazily: thousands of dictionaries at once would trigger the garbage collector.
    if changed:
        yield session.call(session.statements.write_comments, starmap(_comment_row, changed), token=token)
    if replaced:
        yield session.call(session.statements.add_versions, starmap(_version_row, replaced))


def _version_row(number: int, old: Content) -> Values:
    row = content_row(old)
    row["comment_number"] = number
    return row


def _comment_row(key: MergedKey, content: Content) -> Values:
    review = key.after.review
    row = content_row(content)
    row["number"], row["platform"], row["id"], row["audit_rank"] = key.number, key.platform, key.id, key.audit_rank
    row["folded_digest"] = key.folded_digest
    row["review_number"], row["review_label"] = (None, None) if review is None else (review.number, review.label)
    return row


def _write_predictions(session: WriteSession, merged: Sequence[MergedKey]) -> Iterator[Call]:
    """Add the predictions of the batch's model, and delete every model's predictions of replaced texts."""
    deleted: list[Values] = []
    added: list[tuple[object, ...]] = []
    for key in merged:
        before, after = key.before.predictions, key.after
        if before and not after.erased:
            deleted += [
                {"comment_number": key.number, "model_number": model}
                for model in before
                if model not in after.predictions
            ]
        for model, prediction in after.predictions.items():
            if before.get(model) is not prediction:
                label, probability, uncertain = prediction.label, prediction.probability, prediction.uncertain
                reviewed, distance = after.review is not None, distance_of(prediction)
                added.append((key.number, model, label, probability, uncertain, reviewed, distance, key.folded_digest))
    if deleted:
        yield session.call(session.statements.delete_predictions, deleted)
    if added:
        yield session.call(session.statements.write_predictions, TupleRows(PREDICTION_ROW, added))


def _count(session: WriteSession, merged: Sequence[MergedKey]) -> Iterator[Call]:
    changes, stored = count_keys([(key.platform, key.before, key.after) for key in merged])
    statements = session.statements
    counts = comment_counts(stored)
    yield from _count_calls(session, counts, statements.add_comment_counts, statements.delete_zero_comment_counts)
    yield from _label_count_calls(session, changes)


async def move_label_counts(session: WriteSession, changes: Mapping[Labelled, int]) -> None:
    """Update the hourly counts and their sums, and delete those that become zero.

    This comes last in a transaction and in sorted order, because all writers share these rows.
    """
    await session.run_all(_label_count_calls(session, changes))


def _label_count_calls(session: WriteSession, changes: Mapping[Labelled, int]) -> Iterator[Call]:
    statements = session.statements
    yield from _count_calls(session, hourly_changes(changes), statements.add_counts, statements.delete_zero_counts)
    moved = [(key._asdict(), by) for key, by in _moved_sums(changes)]
    if not moved:
        return
    yield session.call(statements.add_sums, [{**key, **by} for key, by in moved])
    lowered = [key for key, by in moved if by["positive"] < 0 or by["negative"] < 0]
    if lowered:
        yield session.call(statements.delete_zero_sums, lowered)


def _moved_sums(changes: Mapping[Labelled, int]) -> list[tuple[CountSum, dict[str, int]]]:
    return [(key, by) for key, by in sorted(sum_changes(changes).items(), key=itemgetter(0)) if any(by.values())]


async def move_counts(
    session: WriteSession, changes: Mapping[_Key, int], add: Statement, delete_zero: Statement
) -> None:
    """Add to counts in the order of their keys, and delete those that become zero."""
    await session.run_all(_count_calls(session, changes, add, delete_zero))


def _count_calls(
    session: WriteSession, changes: Mapping[_Key, int], add: Statement, delete_zero: Statement
) -> Iterator[Call]:
    moved = [(key._asdict(), n) for key, n in sorted(changes.items()) if n != 0]
    if not moved:
        return
    yield session.call(add, [{**key, "n": n} for key, n in moved])
    lowered = [key for key, n in moved if n < 0]
    if lowered:
        yield session.call(delete_zero, lowered)
