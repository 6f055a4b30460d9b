"""The views for dashboards: their counts, and an account that sees nothing else."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import inspect, make_url, text

from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.reviews import Opinion, add_review
from store.store import Store
from tests.store.conftest import ready_store
from tests.store.feed import arrival, feed_of, microseconds, minutes

ROOT = Path(__file__).parent.parent.parent
VIEWS = ("dashboard_hours", "dashboard_reviews", "dashboard_weeks")
WEEK = 7 * 24 * 60
# The only columns that are not counts, flags or times.
NAMES = {"model", "version", "platform", "label"}


def script_statements(**environment: str) -> str:
    """Return what the script passes to MySQL, in place of the image's function that runs it."""
    command = ["bash", "-euc", 'docker_process_sql() { cat; }; . "$0"', str(ROOT / "deploy" / "grafana-account.sh")]
    environment = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


async def rows(store: Store, statement: str) -> list[tuple[Any, ...]]:
    async with store.reading() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def review(store: Store, id: str, created: float, label: str) -> None:
    await add_review(
        store,
        Actor(7, "小李", "session", None),
        Opinion("forum", id, microseconds(minutes(created)), ShownLabel(label)),
    )


async def test_hours_count_shown_labels(every_migrated_url: str) -> None:
    async with await ready_store(every_migrated_url) as store:
        feed = await feed_of(store)
        await feed.send(*(arrival(str(n), uncertain=n == 3) for n in range(4)))
        await feed.send(arrival("4", label=Label.NEGATIVE), arrival("5", platform="desk", label=Label.NEGATIVE))
        await review(store, "0", 0, "negative")
        await review(store, "1", 0, "spam")
        await review(store, "2", 0, "positive")
        counted = await rows(
            store,
            "SELECT platform, model, version, active, comments, predicted_positive, predicted_negative, positive, "
            "negative, unclear, spam, uncertain, reviewed, corrected FROM dashboard_hours ORDER BY platform",
        )
    model = ("model a", "a" * 12, 1)
    assert counted == [
        ("desk", *model, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0),
        ("forum", *model, 5, 4, 1, 2, 2, 0, 1, 1, 3, 2),
    ]


async def test_weeks_compare_with_the_same_hour(every_migrated_url: str) -> None:
    async with await ready_store(every_migrated_url) as store:
        feed = await feed_of(store)
        await feed.send(arrival("now"), arrival("now 2", label=Label.NEGATIVE))
        # Two weeks have comments at that hour; the other ones are an hour, or five weeks, away.
        earlier = [(-WEEK, 3), (-3 * WEEK, 1), (-2 * WEEK + 60, 7), (-5 * WEEK, 7)]
        for start, count in earlier:
            await feed.send(*(arrival(f"{start} {n}", created=start, label=Label.NEGATIVE) for n in range(count)))
        await feed.send(arrival("positive", created=-WEEK), arrival("desk", created=-WEEK, platform="desk"))
        compared = await rows(
            store,
            "SELECT platform, comments, negative, earlier_weeks, earlier_comments, earlier_negative "
            "FROM dashboard_weeks ORDER BY hour DESC LIMIT 1",
        )
    assert compared == [("forum", 2, 1, 2, 5, 4)]


async def test_reviews_count_corrections_without_reviewers(every_migrated_url: str) -> None:
    async with await ready_store(every_migrated_url) as store:
        feed = await feed_of(store)
        await feed.send(*(arrival(str(n)) for n in range(3)))
        await review(store, "0", 0, "negative")
        await review(store, "1", 0, "negative")
        await review(store, "2", 0, "positive")
        counted = await rows(
            store,
            "SELECT platform, model, version, label, reviews, corrections FROM dashboard_reviews ORDER BY label",
        )
    assert [(*row[:4], int(row[4]), int(row[5])) for row in counted] == [
        ("forum", "model a", "a" * 12, "negative", 2, 2),
        ("forum", "model a", "a" * 12, "positive", 1, 0),
    ]


async def test_columns_are_counts_and_names_of_models_and_platforms(every_migrated_url: str) -> None:
    async with await ready_store(every_migrated_url) as store, store.reading() as connection:

        def described(connection: Any) -> dict[str, Sequence[Any]]:
            found = inspect(connection)
            return {view: found.get_columns(view) for view in found.get_view_names()}

        views = await connection.run_sync(described)
    assert sorted(views) == sorted(VIEWS)
    if make_url(every_migrated_url).drivername.startswith("mysql"):
        texts = {column["name"] for view in views.values() for column in view if "CHAR" in str(column["type"])}
        assert texts == NAMES


async def test_grafanas_account_reads_the_views_only(migrated_url: str, tmp_path: Path) -> None:
    """The script grants before the views exist, as in a new container."""
    url = make_url(migrated_url)
    account = f"grafana_{url.database}"[:32]
    (tmp_path / "password").write_text("a secret of Grafana\n")
    statements = script_statements(GRAFANA_MYSQL_PASSWORD_FILE=str(tmp_path / "password"))
    statements = statements.replace("'grafana'", f"'{account}'").replace(" liuyan.", f" {url.database}.")
    server = {"host": url.host, "port": url.port}
    with pymysql.connect(**server, user=url.username, password=url.password or "", autocommit=True) as owner:
        try:
            with owner.cursor() as cursor:
                for statement in filter(str.strip, statements.split(";")):
                    cursor.execute(statement)
            async with await ready_store(migrated_url) as store:
                await (await feed_of(store)).send(arrival())
            with pymysql.connect(
                **server, user=account, password="a secret of Grafana", database=url.database
            ) as grafana:
                _check(grafana)
        finally:
            with owner.cursor() as cursor:
                cursor.execute(f"DROP USER '{account}'@'%'")


def _check(grafana: "pymysql.Connection[Any]") -> None:
    with grafana.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert sorted(name for (name,) in cursor.fetchall()) == sorted(VIEWS)
        cursor.execute("SELECT SUM(comments) FROM dashboard_hours")
        assert cursor.fetchall() == ((1,),)
        for refused in (
            "SELECT text FROM comments",
            "SELECT name FROM users",
            "SELECT * FROM count_sums",
            "DELETE FROM dashboard_hours",
            "CREATE TABLE other (n INTEGER)",
        ):
            with pytest.raises(pymysql.err.MySQLError):
                cursor.execute(refused)


def test_without_a_password_no_account_is_created() -> None:
    assert script_statements() == ""
