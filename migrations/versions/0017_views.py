"""Views with counts for dashboards: no texts, no ids and no names of people.

A database account that may read only these views is enough for Grafana. A migration that renames or drops a column of
these tables must drop the views first and create them again.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

# Labelled comments by model, platform and hour of their creation (UTC). `positive`, `negative`, `unclear` and `spam`
# are the shown labels, `predicted_...` the model's.
HOURS = """
SELECT models.name AS model, SUBSTR(models.sha256, 1, 12) AS version,
    CASE WHEN active_model.id IS NULL THEN 0 ELSE 1 END AS active,
    sums.platform AS platform, sums.begins AS hour, sums.positive + sums.negative AS comments,
    sums.positive AS predicted_positive, sums.negative AS predicted_negative, sums.shown_positive AS positive,
    sums.positive + sums.negative - sums.shown_positive - sums.unclear - sums.spam AS negative,
    sums.unclear AS unclear, sums.spam AS spam, sums.uncertain AS uncertain, sums.reviewed AS reviewed,
    sums.corrected AS corrected
FROM models JOIN count_sums AS sums ON sums.model_number = models.number
    LEFT JOIN active_model ON active_model.model_number = models.number
WHERE sums.bucket = 'hour' AND sums.platform <> ''
"""
# The active model's counts of an hour next to those of the same hour in the four previous weeks.
WEEKS = """
SELECT sums.platform AS platform, sums.begins AS hour, sums.positive + sums.negative AS comments,
    sums.positive + sums.negative - sums.shown_positive - sums.unclear - sums.spam AS negative,
    {weeks} AS earlier_weeks, {comments} AS earlier_comments, {negative} AS earlier_negative
FROM active_model JOIN count_sums AS sums ON sums.model_number = active_model.model_number
{joins}
WHERE sums.bucket = 'hour' AND sums.platform <> ''
"""
JOIN = """
LEFT JOIN count_sums AS {week} ON {week}.model_number = sums.model_number AND {week}.bucket = 'hour'
    AND {week}.platform = sums.platform AND {week}.begins = {begins}
"""
# Reviews that were not withdrawn, by the hour (UTC) in which they were made.
REVIEWS = """
SELECT counts.begins AS hour, counts.platform AS platform, COALESCE(models.name, '') AS model,
    COALESCE(SUBSTR(models.sha256, 1, 12), '') AS version, counts.reviewed_label AS label, SUM(counts.n) AS reviews,
    SUM(CASE WHEN counts.label <> '' AND counts.label <> counts.reviewed_label THEN counts.n ELSE 0 END) AS corrections
FROM reviewer_counts AS counts LEFT JOIN models ON models.number = counts.model_number
WHERE counts.bucket = 'hour'
GROUP BY counts.begins, counts.platform, models.name, models.sha256, counts.reviewed_label
"""
NEGATIVE = "{week}.positive + {week}.negative - {week}.shown_positive - {week}.unclear - {week}.spam"
WEEK_NAMES = ("week_1", "week_2", "week_3", "week_4")


def upgrade() -> None:
    """Create the views. An interrupted upgrade can be repeated."""
    views = {"dashboard_hours": HOURS, "dashboard_weeks": _weeks(), "dashboard_reviews": REVIEWS}
    for name, query in views.items():
        op.execute(f"DROP VIEW IF EXISTS {name}")
        op.execute(f"CREATE VIEW {name} AS {query}")


def _weeks() -> str:
    return WEEKS.format(
        weeks=_sum("CASE WHEN {week}.begins IS NULL THEN 0 ELSE 1 END"),
        comments=_sum("COALESCE({week}.positive + {week}.negative, 0)"),
        negative=_sum(f"COALESCE({NEGATIVE}, 0)"),
        joins="".join(JOIN.format(week=week, begins=_earlier(7 * n)) for n, week in enumerate(WEEK_NAMES, 1)),
    )


def _sum(term: str) -> str:
    return " + ".join(term.format(week=week) for week in WEEK_NAMES)


def _earlier(days: int) -> str:
    if op.get_bind().dialect.name == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%S', sums.begins, '-{days} days') || '.000000'"
    return f"sums.begins - INTERVAL {days} DAY"
