"""Fill MySQL with five weeks of labelled comments and reviews, and a swing of one platform in the last hours."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from dashboards.preview.days import busyness
from store.audit import Actor
from store.batch import Advance, Arrival, Batch, Content, Label, ModelRow, PartitionKey, Prediction
from store.comments import ShownLabel
from store.models import register_model
from store.partitions import begin_partition
from store.reviews import Opinion, add_review
from store.store import Store
from store.write import write_batch

WEEKS = 5
BATCH = 2_000
# The group is not the consumers', so that they begin at the start of their topic.
UNCERTAIN = 0.14
SEEDED = PartitionKey("seed", "comments", 0)
SWING_HOURS = 3
SWING_SHARE = 0.62
# Comments of an hour of the swing, so that it is notable at night, too.
SWING_COMMENTS = 90
# Multiples of it are spread evenly within 0..1, so that a share is exact even for few comments.
GOLDEN = 0.618034
REVIEWERS = ("小李", "小王", "小陈")


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform: comments in its busiest hour, its usual share of negative comments, and whether it swings."""

    name: str
    busiest: int
    negative: float
    swings: bool = False


PLATFORMS = (Platform("forum", 80, 0.30, swings=True), Platform("support", 30, 0.55), Platform("shop", 45, 0.18))


async def seed(store: Store, now: datetime, sha256: str, name: str) -> None:
    """Store comments up to the current hour, labelled by the model ``sha256``, a second model's counts, and reviews."""
    model = await register_model(store, sha256, name, 0.3, 0.7)
    other = await register_model(store, "c" * 64, "candidate", 0.3, 0.7)
    await store.write(begin_partition, SEEDED, 0, None)
    written, batch = 0, list[Arrival]()
    for event in comments(now):
        batch.append(event)
        if len(batch) == BATCH:
            written, batch = await _write(store, model, written, batch), []
    await _write(store, model, written, batch)
    await _add_counts_of(store, other, model)
    await _review(store)
    async with store.writing() as session:
        for statement in (AUDIT, REVIEWS, REVIEWED):
            await session.connection.execute(text(statement), {"now": now.replace(tzinfo=None)})
        await session.connection.execute(text(STORED))


def comments(now: datetime) -> Iterator[Arrival]:
    """Yield the comments in the order of their time. They are the same for the same ``now``."""
    chance = random.Random(1)  # noqa: S311 - not a secret
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(weeks=WEEKS)
    while hour < now:
        minutes = min(60.0, (now - hour) / timedelta(minutes=1))
        for platform in PLATFORMS:
            swings = platform.swings and now - hour <= timedelta(hours=SWING_HOURS)
            negative = SWING_SHARE if swings else platform.negative + chance.gauss(0, 0.02)
            usual = platform.busiest * busyness(hour) * chance.uniform(0.9, 1.1) * minutes / 60
            for number in range(round(max(usual, SWING_COMMENTS) if swings else usual)):
                created = hour + timedelta(minutes=minutes * chance.random())
                is_negative, uncertain = number * GOLDEN % 1 < negative, number * GOLDEN**2 % 1 < UNCERTAIN
                yield _comment(platform, f"{hour:%m%d%H}-{number}", created, is_negative, uncertain, chance)
        hour += timedelta(hours=1)


def _comment(
    platform: Platform, id: str, created: datetime, is_negative: bool, uncertain: bool, chance: random.Random
) -> Arrival:
    distance = chance.uniform(0, 0.2) if uncertain else chance.uniform(0.21, 0.5)
    prediction = Prediction(
        Label.NEGATIVE if is_negative else Label.POSITIVE, 0.5 - distance if is_negative else 0.5 + distance, uncertain
    )
    version = (created - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    content = Content(f"{platform.name} {id}", version, created, None, None, None)
    return Arrival(platform.name, id, content, prediction)


async def _write(store: Store, model: ModelRow, written: int, events: list[Arrival]) -> int:
    batch = Batch(model.number, [Advance(SEEDED, written, written + len(events))], events)
    await store.write(write_batch, batch, truncate_dead_letters=False)
    return written + len(events)


# A model that is uncertain a little more often, as a replay would have counted it.
OTHER_COUNTS = """
INSERT INTO count_sums (model_number, bucket, platform, begins, positive, negative, uncertain, shown_positive, unclear,
    spam, reviewed, corrected, uncertain_positive, uncertain_negative)
SELECT :other, bucket, platform, begins, positive + FLOOR(negative * 0.06), negative - FLOOR(negative * 0.06),
    FLOOR(uncertain * 1.1 + 0.5), shown_positive + FLOOR(negative * 0.06), unclear, spam, 0, 0, uncertain_positive,
    uncertain_negative
FROM count_sums WHERE model_number = :model
"""
# The audit sample is decided except for some comments of the last days, nearly always as the model says.
AUDIT = """
UPDATE comments JOIN predictions ON predictions.comment_number = comments.number
SET comments.blind_label = IF(MOD(comments.number, 13) = 0, IF(label = 'positive', 'negative', 'positive'), label)
WHERE audit_rank IS NOT NULL
    AND (comments.created_at < :now - INTERVAL 6 DAY OR MOD(comments.number, 2) = 0)
"""
# They were stored when they were written. A promotion looks for comments that changed in the last minutes.
STORED = "UPDATE comments SET stored_at = created_at, changed_at = created_at"
# About as many comments have a review as reviewers have reviewed.
REVIEWED = """
UPDATE count_sums SET reviewed = FLOOR((positive + negative) * 0.09 + 0.5)
WHERE begins >= :now - INTERVAL 20 DAY AND begins < :now - INTERVAL 3 HOUR AND HOUR(begins) BETWEEN 1 AND 10
    AND bucket = 'hour' AND model_number IN (SELECT model_number FROM active_model)
"""
# Two weeks of reviews on working hours, of which a quarter are corrections.
REVIEWS = """
INSERT INTO reviewer_counts (bucket, begins, reviewer_number, model_number, platform, label, reviewed_label, n)
SELECT 'hour', sums.begins, 1, sums.model_number, sums.platform, predicted.label, decided.label,
    CEIL((sums.positive + sums.negative) * IF(predicted.label = decided.label, 0.08, 0.01))
FROM count_sums AS sums
JOIN active_model ON active_model.model_number = sums.model_number
JOIN (SELECT 'positive' AS label UNION SELECT 'negative') AS predicted
JOIN (SELECT 'positive' AS label UNION SELECT 'negative' UNION SELECT 'unclear' UNION SELECT 'spam') AS decided
WHERE sums.bucket = 'hour' AND sums.platform <> '' AND sums.begins >= :now - INTERVAL 20 DAY
    AND sums.begins < :now - INTERVAL 3 HOUR AND HOUR(sums.begins) BETWEEN 1 AND 10
    AND (decided.label IN ('positive', 'negative') OR MOD(HOUR(sums.begins), 3) = 0)
"""


async def _add_counts_of(store: Store, other: ModelRow, model: ModelRow) -> None:
    async with store.writing() as session:
        await session.connection.execute(text(OTHER_COUNTS), {"other": other.number, "model": model.number})


async def _review(store: Store) -> None:
    """Review some comments as reviewers do: several people, corrections, and a dispute."""
    query = """
    SELECT platform, id, version, label FROM comments JOIN predictions ON comment_number = number AND model_number = 1
    WHERE audit_rank IS NULL ORDER BY created_at DESC LIMIT 120
    """
    async with store.reading() as connection:
        rows = (await connection.execute(text(query))).all()
    others = list(ShownLabel)
    for number, (platform, id, version, label) in enumerate(rows):
        disputed = number % 20 == 0
        for turn, name in enumerate(REVIEWERS[:2] if disputed else REVIEWERS[number % 3 : number % 3 + 1]):
            shown = others[number % len(others)] if number % 5 == 1 else ShownLabel(label)
            shown = ShownLabel.UNCLEAR if disputed and turn == 1 else shown
            opinion = Opinion(platform, id, version, shown)
            await add_review(store, Actor(REVIEWERS.index(name) + 1, name, "session", None), opinion)
