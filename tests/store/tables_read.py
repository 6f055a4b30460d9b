"""What the tables hold, as plain Python, to compare with what they should hold."""

import base64
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from liuyan.store.store import Store
from liuyan.store.tables import comment_versions, comments, dead_letters, erasures, hourly_counts, predictions

Key = tuple[str, str]


@dataclass(frozen=True)
class Contents:
    """Every table of a batch: comments and what hangs on them by (platform, id), erasures by digest."""

    comments: dict[Key, tuple[str, int, datetime, datetime | None, str | None, str | None]]
    versions: dict[Key, list[tuple[int, str]]]
    predictions: dict[tuple[Key, int], tuple[str, float, bool]]
    counts: dict[tuple[int, str, datetime, str, bool], int]
    dead_letters: dict[tuple[str, int, int], bytes | None]
    erasures: dict[str, int]


async def read_contents(store: Store) -> Contents:
    async with store.reading() as connection:
        names = {}
        stored = {}
        for row in await connection.execute(select(comments)):
            key = names[row.number] = (row.platform, row.id)
            stored[key] = (row.text, row.version, row.created_at, row.edited_at, row.author, row.thread)
        versions: dict[Key, list[tuple[int, str]]] = {}
        for row in await connection.execute(select(comment_versions).order_by(comment_versions.c.number)):
            versions.setdefault(names[row.comment_number], []).append((row.version, row.text))
        return Contents(
            comments=stored,
            versions=versions,
            predictions={
                (names[row.comment_number], row.model_number): (row.label, row.probability, row.uncertain)
                for row in await connection.execute(select(predictions))
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
        )
