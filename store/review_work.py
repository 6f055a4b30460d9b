"""Count each reviewer's reviews by hour, day and month, in the transaction that stores or withdraws a review."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from store.groups import is_copied
from store.merge import ALL_PLATFORMS, ReviewerCount
from store.opinions import Decision
from store.ranges import DAY, HOUR, MONTH, bucket_of
from store.session import WriteSession
from store.tables import reviews
from store.write import move_counts

# Used in a count's key for a reviewer without an account and for a missing model.
NOBODY = 0

# (time of the review, reviewer, model, platform, the model's label, the review's label)
Work = tuple[datetime, int, int, str, str, str]


async def count_work(session: WriteSession, work: Mapping[Work, int]) -> None:
    """Add reviews to the reviewers' hourly, daily and monthly counts."""
    changes: Counter[ReviewerCount] = Counter()
    for (at, reviewer, model, platform, predicted, label), n in work.items():
        for bucket in (HOUR, DAY, MONTH):
            for counted_as in (platform,) if bucket == HOUR else (platform, ALL_PLATFORMS):
                key = ReviewerCount(bucket, bucket_of(bucket, at), reviewer, model, counted_as, predicted, label)
                changes[key] += n
    statements = session.statements
    await move_counts(session, changes, statements.add_reviewer_counts, statements.delete_zero_reviewer_counts)


async def uncount_work(session: WriteSession, platform: str, taken: Decision) -> None:
    """Subtract a review from its reviewer's counts, in the hour, day and month in which it was counted.

    Copied reviews were not counted and are skipped.
    """
    columns = reviews.c
    query = select(columns.reviewed_at, columns.from_model_number, columns.from_model_label)
    query = query.where(columns.number == taken.number, ~is_copied())
    row = (await session.connection.execute(query)).one_or_none()
    if row is None:
        return
    reviewed_at, model, said = row
    counted = (reviewed_at, taken.reviewer_number or NOBODY, model or NOBODY, platform, said or "", taken.label)
    await count_work(session, {counted: -1})
