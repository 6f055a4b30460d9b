"""SQL queries on the views of the read-only account, with Grafana's macros for the time range."""

from dashboards.specification import Rows

IN_RANGE = "platform IN (${platform:sqlstring}) AND $__timeFilter(hour)"
# The current hour has few comments yet, so that its shares would look like swings.
COMPLETE = f"{IN_RANGE} AND hour <= UTC_TIMESTAMP() - INTERVAL 1 HOUR"
# Comments by the hour in which they were written: the active model's labels, or those of all models.
COMMENTS = f"FROM dashboard_hours WHERE active = 1 AND {COMPLETE}"
ALL_MODELS = f"FROM dashboard_hours WHERE {COMPLETE}"
# The same next to the previous four weeks.
WEEKS = f"FROM dashboard_weeks WHERE {COMPLETE}"
# Reviews by the hour in which they were made.
REVIEWS = f"FROM dashboard_reviews WHERE {IN_RANGE}"


def ratio(part: str, whole: str) -> str:
    """Return the ratio of two columns' sums; NULL, which draws nothing, if the second is zero."""
    return f"SUM({part}) / NULLIF(SUM({whole}), 0)"


def total(value: str, source: str) -> Rows:
    """Return the query for one number."""
    return Rows(f"SELECT {value} AS value {source}", over_time=False)


def over_time(source: str, **values: str) -> Rows:
    """Return the query for one series per value."""
    columns = ", ".join(f"{value} AS {name}" for name, value in values.items())
    return Rows(f"SELECT $__timeGroupAlias(hour, $__interval), {columns} {source} GROUP BY 1 ORDER BY 1")


def by(series: str, value: str, source: str) -> Rows:
    """Return the query for one series per value of the expression ``series``."""
    columns = f"$__timeGroupAlias(hour, $__interval), {series} AS metric, {value} AS value"
    return Rows(f"SELECT {columns} {source} GROUP BY 1, 2 ORDER BY 1, 2")
