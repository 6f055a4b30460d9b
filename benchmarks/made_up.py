"""Fill a MySQL database with up to millions of made-up comments, predictions and reviews.

The proportions are realistic: twenty platforms of very different sizes, two years, 22 % uncertain, 4 % reviewed and
some of them disputed, 2 % in the audit sample and the first half of it decided blindly, 1 % copies of one text, and one
dead letter per ten comments. Values are derived from a digest of the comment's number, so they are reproducible.
"""

# ruff: noqa: S608  (the statements contain no external input)

import random
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import track
from sqlalchemy import text

from store.bulk import SUMMED
from store.folding import folded_digest
from store.store import Store

NEWEST = datetime(2026, 6, 30, tzinfo=UTC)
DAYS = 730
PLATFORMS = [f"platform-{n:02}" for n in range(20)]
AUTHORS, THREADS = 20_000, 50_000
CHUNK_SIZE = 20_000
# The share of comments that are copies of one text. The digests of all others are made up.
COPIES = 0.01
COPY = "默认好评"
WORDS = "这家店 的 物流 很快 包装 也好 客服 一直 不 回复 再也 不来 了 味道 不错 价格 有点 贵 推荐 大家 试试"


def _random(what: str) -> str:
    """Return SQL for a uniformly distributed number from 0 to 1 that depends on the comment's number `n`."""
    return f"(CONV(LEFT(SHA2(CONCAT('{what}', n), 256), 8), 16, 10) / 4294967296)"


REVIEWED = f"({_random('reviewed')} < 0.03 OR {_random('audit')} < 0.01)"
# Both branches are integers: a decimal number in one of them would round the other.
DIGEST = f"""IF({_random("copy")} < {COPIES}, :copies, CAST(FLOOR({_random("digest")} * 9e18) AS SIGNED))"""
# Platforms with low numbers are much larger. Comments arrive roughly in the order of their creation.
COMMENTS = f"""
INSERT INTO comments (number, platform, id, text, folded_digest, version, created_at, author, thread, stored_at,
    changed_at, review_number, review_label, audit_rank, blind_label, claimed_by)
SELECT n, CONCAT('platform-', LPAD(FLOOR(20 * POW({_random("platform")}, 3)), 2, '0')), n,
    IF({_random("copy")} < {COPIES}, '{COPY}', CONCAT(made_up_texts.text, n)),
    {DIGEST}, 0,
    :newest - INTERVAL FLOOR((1 - n / :size) * {DAYS * 86400}) SECOND,
    CONCAT('u', FLOOR({_random("author")} * {AUTHORS})), CONCAT('t', FLOOR({_random("thread")} * {THREADS})),
    :newest, :newest, IF({REVIEWED}, n, NULL),
    IF({REVIEWED}, ELT(1 + FLOOR(4 * {_random("label")}), 'positive', 'negative', 'unclear', 'spam'), NULL),
    IF({_random("audit")} < 0.02, FLOOR({_random("audit")} * 9e18), NULL),
    IF({_random("audit")} < 0.01, IF({_random("label")} < 0.5, 'positive', 'negative'), NULL), 1
FROM (SELECT n + :first AS n FROM made_up_numbers) AS step
JOIN made_up_texts ON made_up_texts.number = step.n * 7 % :texts
"""
PREDICTIONS = f"""
INSERT INTO predictions (comment_number, model_number, label, probability, uncertain, predicted_at, reviewed, distance,
    folded_digest)
SELECT n, 1, IF(p >= 0.5, 'positive', 'negative'), p, p BETWEEN 0.3 AND 0.7, :newest, {REVIEWED},
    ABS(p - 0.5), {DIGEST}
FROM (
    SELECT n, CASE WHEN {_random("copy")} < {COPIES} THEN 0.5
        WHEN {_random("sure")} < 0.22 THEN 0.3 + 0.4 * {_random("where")}
        WHEN {_random("side")} < 0.5 THEN 0.3 * {_random("where")} ELSE 1 - 0.3 * {_random("where")} END AS p
    FROM (SELECT n + :first AS n FROM made_up_numbers) AS step
) AS drawn
"""
# Model 1 is active. Model 2 has labelled only the newest comments.
MODELS = (
    """INSERT INTO models (number, sha256, name, uncertain_low, uncertain_high, registered_at, active) VALUES
    (1, REPEAT('a', 64), 'made up', 0.3, 0.7, :newest, 1), (2, REPEAT('b', 64), 'next', 0.3, 0.7, :newest, NULL)""",
    "INSERT INTO active_model VALUES (1, 1, :newest, 'made up')",
    "INSERT INTO model_files VALUES (1, 'SHA256SUMS', 0, 'sums'), (2, 'SHA256SUMS', 0, 'sums')",
)
SECOND_MODEL = f"""INSERT INTO predictions (comment_number, model_number, label, probability, uncertain, predicted_at,
    reviewed, distance, folded_digest) SELECT comment_number, 2, IF(probability < 0.55, 'negative', 'positive'),
    probability, uncertain, predicted_at, reviewed, distance, folded_digest FROM predictions
    WHERE model_number = 1 AND comment_number > :size - {2 * CHUNK_SIZE}"""
PREPARE = (
    "CREATE TABLE made_up_numbers (n INT PRIMARY KEY)",
    "CREATE TABLE made_up_texts (number INT PRIMARY KEY, text TEXT NOT NULL)",
    "SET SESSION cte_max_recursion_depth = 1000000",
    "INSERT INTO made_up_numbers WITH RECURSIVE up (n) AS "
    f"(SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {CHUNK_SIZE}) SELECT n FROM up",
)
_HOUR = "DATE_FORMAT({}, '%Y-%m-%d %H:00:00')"
REASONS = "'invalid_field', 'not_json', 'missing_key', 'invalid_key', 'too_large', 'not_utf8', 'from_the_future'"
_SHOWN = "COALESCE(review_label, label)"
# Sums of a platform's hours from the rows; sums of days, and of all platforms together, from those.
_SUMS = f"""INSERT INTO count_sums SELECT model_number, 'hour', platform, {_HOUR.format("created_at")} AS begins,
    SUM(label = 'positive'), SUM(label = 'negative'), SUM(uncertain), SUM({_SHOWN} = 'positive'),
    SUM({_SHOWN} = 'unclear'), SUM({_SHOWN} = 'spam'), SUM(review_label IS NOT NULL), SUM({_SHOWN} <> label),
    SUM(uncertain AND review_label IS NULL AND label = 'positive'),
    SUM(uncertain AND review_label IS NULL AND label = 'negative')
    FROM comments JOIN predictions ON comment_number = number GROUP BY model_number, platform, begins"""
_COUNTS = f"""INSERT INTO comment_counts SELECT 'hour', platform, {_HOUR.format("created_at")} AS begins, COUNT(*)
    FROM comments GROUP BY platform, begins"""
_ADDED_UP = [
    statement.format(
        bucket=bucket, platform=platform, begins=begins, numbers=", ".join(f"SUM(hours.{one})" for one in numbers)
    )
    for statement, numbers in (
        (
            "INSERT INTO count_sums SELECT model_number, '{bucket}', {platform} AS whose, {begins} AS starts, "
            "{numbers} FROM count_sums AS hours WHERE bucket = 'hour' AND platform <> '' "
            "GROUP BY model_number, whose, starts",
            SUMMED,
        ),
        (
            "INSERT INTO comment_counts SELECT '{bucket}', {platform} AS whose, {begins} AS starts, {numbers} "
            "FROM comment_counts AS hours WHERE bucket = 'hour' AND platform <> '' GROUP BY whose, starts",
            ["n"],
        ),
    )
    for platform, bucket, begins in (("''", "hour", "begins"), ("platform", "day", "DATE(begins)"))
]
_WORK_BUCKETS = [
    ("platform", "hour", _HOUR.format("reviewed_at")),
    *((platform, "day", "DATE(reviewed_at)") for platform in ("''", "platform")),
    *((platform, "month", "DATE_FORMAT(reviewed_at, '%Y-%m-01')") for platform in ("''", "platform")),
]
_WORK = """INSERT INTO reviewer_counts SELECT '{bucket}', {begins} AS begins, reviewer_number, 1,
    {platform} AS platform_or_all, predictions.label, reviews.label, COUNT(*) FROM reviews
    JOIN comments ON comments.number = reviews.comment_number
    JOIN predictions ON predictions.comment_number = comments.number AND predictions.model_number = 1
    GROUP BY begins, reviewer_number, platform_or_all, predictions.label, reviews.label"""
FINISH = (
    f"""INSERT INTO hourly_counts SELECT model_number, platform, {_HOUR.format("created_at")} AS hour, label, uncertain,
    COUNT(*) FROM comments JOIN predictions ON comment_number = number GROUP BY model_number, platform, hour, label,
    uncertain""",
    _SUMS,
    _COUNTS,
    *_ADDED_UP,
    """INSERT INTO reviews (number, comment_number, comment_version, text, label, reviewer, reviewer_number,
    reviewed_at, from_model_number) SELECT number, number, version, text, review_label, CONCAT('r', number % 8),
    number % 8, created_at + INTERVAL 1 DAY, 1 FROM comments WHERE review_label IS NOT NULL""",
    f"""INSERT INTO dead_letters (consumer_group, topic, `partition`, `offset`, `key`, value, value_bytes, headers,
    truncated, record_timestamp, reason, detail, stored_at, state, attempts, platform)
    SELECT 'liuyan', CONCAT('topic-', n % 5), n % 8, n, TO_BASE64(CONCAT(platform, ':', n)), TO_BASE64(text), 300, '[]',
    0, 0, ELT(1 + n % 7, {REASONS}), 'field text: must not be empty', created_at,
    ELT(1 + n % 4, 'open', 'requeued', 'resolved', 'discarded'), n % 4, platform
    FROM (SELECT comments.*, number AS n FROM comments WHERE number % 10 = 0) AS numbered ORDER BY n""",
    "INSERT INTO disputes SELECT number, review_number FROM comments WHERE review_number % 40 = 0",
    """INSERT INTO agreement_pairs SELECT a.n % 8, 8 + b.n % 8, ELT(c.n, 'positive', 'negative', 'unclear', 'spam'),
    ELT(d.n, 'positive', 'negative', 'unclear', 'spam'), 1 + a.n * b.n FROM made_up_numbers AS a, made_up_numbers AS b,
    made_up_numbers AS c, made_up_numbers AS d WHERE a.n <= 8 AND b.n <= 8 AND c.n <= 4 AND d.n <= 4""",
    """INSERT INTO agreement_patterns SELECT a.n, b.n, 0, 0, 100 FROM made_up_numbers AS a, made_up_numbers AS b
    WHERE a.n <= 4 AND b.n <= 4""",
    *(_WORK.format(platform=platform, bucket=bucket, begins=begins) for platform, bucket, begins in _WORK_BUCKETS),
)
ANALYZE = (
    "ANALYZE TABLE comments, predictions, reviews, disputes, dead_letters, hourly_counts, count_sums, comment_counts, "
    "reviewer_counts"
)


async def fill(store: Store, size: int) -> None:
    """Insert ``size`` comments into an empty, migrated MySQL database. A million takes minutes."""
    values = {"size": size, "newest": NEWEST.replace(tzinfo=None), "copies": folded_digest(COPY)}
    made_up = texts(2_000)
    async with store.writing() as session:
        run = session.connection.execute
        for statement in MODELS:
            await run(text(statement), values)
        for statement in PREPARE:
            await run(text(statement))
        await run(
            text("INSERT INTO made_up_texts VALUES (:n, :text)"), [{"n": n, "text": t} for n, t in enumerate(made_up)]
        )
    for first in track(range(0, size, CHUNK_SIZE), f"inserting {size:,} comments", console=Console(stderr=True)):
        async with store.writing() as session:
            for statement in (COMMENTS, PREDICTIONS):
                await session.connection.execute(text(statement), {**values, "first": first, "texts": len(made_up)})
    async with store.reading(patient=True) as connection:
        for statement in (SECOND_MODEL, *FINISH, ANALYZE):
            await connection.execute(text(statement), values)
        await connection.commit()


def texts(count: int) -> list[str]:
    """Return texts of 4 to 40 words, the same in every run."""
    chance = random.Random(3)
    return ["".join(chance.choices(WORDS.split(), k=chance.randint(4, 40))) for _ in range(count)]
