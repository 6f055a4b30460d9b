"""The contents of the tables as plain Python values, to compare with the expected ones."""

import base64
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.store import Store
from store.tables import (
    comment_counts,
    comment_versions,
    comments,
    count_sums,
    dead_letters,
    erasures,
    hourly_counts,
    predictions,
    reviewer_counts,
)

Key = tuple[str, str]


@dataclass(frozen=True)
class Contents:
    """The tables that batches and reviews write: comments and their rows by (platform, id), erasures by digest."""

    comments: dict[Key, tuple[str, int, datetime, datetime | None, str | None, str | None]]
    versions: dict[Key, list[tuple[int, str]]]
    predictions: dict[tuple[Key, int], tuple[str, float, bool]]
    counts: dict[tuple[int, str, datetime, str, bool], int]
    dead_letters: dict[tuple[str, int, int], bytes | None]
    erasures: dict[str, int]
    # model, platform, bucket, begins -> bulk.SUMMED
    sums: dict[tuple[int, str, str, datetime], tuple[int, ...]]
    # bucket, platform, begins -> comments
    stored: dict[tuple[str, str, datetime], int]
    review_labels: dict[Key, str]
    review_marks: dict[tuple[Key, int], tuple[bool, float]]
    # Without the hour, which is the time of the test.
    work: dict[tuple[int, int, str, str, str], int]


async def read_contents(store: Store) -> Contents:
    async with store.reading() as connection:
        names = {}
        stored = {}
        labels = {}
        for row in await connection.execute(select(comments)):
            key = names[row.number] = (row.platform, row.id)
            assert (row.review_label is None) == (row.review_number is None)
            if row.review_label is not None:
                labels[key] = row.review_label
            stored[key] = (row.text, row.version, row.created_at, row.edited_at, row.author, row.thread)
        versions: dict[Key, list[tuple[int, str]]] = {}
        for row in await connection.execute(select(comment_versions).order_by(comment_versions.c.number)):
            versions.setdefault(names[row.comment_number], []).append((row.version, row.text))
        predicted = (await connection.execute(select(predictions))).all()
        return Contents(
            comments=stored,
            versions=versions,
            predictions={
                (names[row.comment_number], row.model_number): (row.label, row.probability, row.uncertain)
                for row in predicted
            },
            counts={
                (row.model_number, row.platform, row.hour, row.label, row.uncertain): row.n
                for row in await connection.execute(select(hourly_counts))
            },
            dead_letters={
                (row.topic, row.partition, row.offset): row.value
                for row in await connection.execute(select(dead_letters))
            },
            erasures={
                base64.b64encode(row.digest).decode(): row.erased_up_to
                for row in await connection.execute(select(erasures))
            },
            sums={
                (row.model_number, row.platform, row.bucket, row.begins): tuple(row[4:])
                for row in await connection.execute(select(count_sums))
            },
            stored={
                (row.bucket, row.platform, row.begins): row.n
                for row in await connection.execute(select(comment_counts))
            },
            review_labels=labels,
            review_marks={
                (names[row.comment_number], row.model_number): (row.reviewed, row.distance) for row in predicted
            },
            work=await _work(connection),
        )


async def _work(connection: AsyncConnection) -> dict[tuple[int, int, str, str, str], int]:
    work: dict[tuple[int, int, str, str, str], int] = {}
    coarser: dict[tuple[str, bool], int] = {}
    for row in await connection.execute(select(reviewer_counts)):
        assert row.n > 0
        if row.bucket != "hour":
            kind = (row.bucket, row.platform == "")
            coarser[kind] = coarser.get(kind, 0) + row.n
            continue
        key = (row.reviewer_number, row.model_number, row.platform, row.label, row.reviewed_label)
        work[key] = work.get(key, 0) + row.n
    # Days and months, both per platform and for all, have the same total.
    assert set(coarser.values()) <= {sum(work.values())}
    assert len(coarser) == (4 if work else 0)
    return work
