"""The export of reviews, which training reads."""

import asyncio
import codecs
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from api.identity.roles import Role
from api.rest.review_export import COLUMNS, ROWS_PER_CHUNK
from liuyan.text_files.columns import ColumnOptions
from model.files import open_comments
from model.training.reviews import newest_of_each_text, read_reviews
from store.audit import Actor
from store.comments import ShownLabel
from store.reviews import Opinion, add_reviews
from tests.api.conftest import Api
from tests.api.people import Person, add_person
from tests.store.feed import arrival, microseconds, minutes, tombstone

EXPORT = "/api/v1/reviews/export"
AWKWARD = '=1+1,"引号"\n第二行\t😀 '


@pytest_asyncio.fixture
async def reviewer(api: Api) -> Person:
    return await add_person(api.store, "审一", Role.REVIEWER, now=api.clock())


async def review(api: Api, person: Person, label: str, *ids: str, version: float = 0, platform: str = "forum") -> None:
    actor = Actor(person.number, person.name, "token", None)
    number = microseconds(minutes(version))
    outcome = await add_reviews(
        api.store, actor, [Opinion(platform, id, number, ShownLabel(label), None) for id in ids]
    )
    assert len(outcome.reviewed) == len(ids)


async def export(api: Api, person: Person, **parameters: str) -> str:
    answer = await api.anonymous.get(EXPORT, params=parameters, headers=person.bearer)
    assert answer.status_code == 200, answer.text
    if parameters.get("format") == "csv":
        assert answer.content.startswith(codecs.BOM_UTF8), "Excel needs a byte order mark"
    return answer.content.decode("utf-8-sig")


async def test_texts_are_exported_unchanged(api: Api, reviewer: Person) -> None:
    await api.feed.send(arrival("1", AWKWARD, probability=0.6))
    await review(api, reviewer, "negative", "1")
    [row] = csv.DictReader(io.StringIO(await export(api, reviewer, format="csv"), newline=""))
    assert tuple(row) == COLUMNS
    assert (row["text"], row["label"], row["model_label"], row["probability"]) == (
        AWKWARD,
        "negative",
        "positive",
        "0.6",
    )
    assert row["reviewer"] == "审一"
    [line] = (await export(api, reviewer)).splitlines()
    exported = json.loads(line)
    assert tuple(exported) == COLUMNS
    assert (exported["text"], exported["label"], exported["audit"]) == (AWKWARD, "negative", row["audit"] == "True")


async def test_a_label_is_exported_with_the_reviewed_text(api: Api, reviewer: Person) -> None:
    await api.feed.send(arrival("1", "原来的话"))
    await review(api, reviewer, "negative", "1")
    await api.feed.send(arrival("1", "新的话", edited=5))
    await review(api, reviewer, "positive", "1", version=5)
    exported = [json.loads(line) for line in (await export(api, reviewer)).splitlines()]
    assert [(one["text"], one["label"]) for one in exported] == [("原来的话", "negative"), ("新的话", "positive")]


async def test_an_export_is_filtered(api: Api, reviewer: Person) -> None:
    await api.feed.send(arrival("1"), arrival("2", platform="shop"), arrival("3"))
    await review(api, reviewer, "negative", "1")
    await review(api, reviewer, "spam", "3")
    await review(api, reviewer, "negative", "2", platform="shop")

    async def ids(**parameters: str) -> list[str]:
        return sorted(json.loads(line)["id"] for line in (await export(api, reviewer, **parameters)).splitlines())

    now = datetime.now(UTC)
    assert await ids(platform="shop") == ["2"]
    assert await ids(label="spam") == ["3"]
    assert await ids(reviewed_from=(now + timedelta(hours=1)).isoformat()) == []
    assert await ids(reviewed_to=(now + timedelta(hours=1)).isoformat()) == ["1", "2", "3"]


async def test_a_long_export_is_streamed_without_erased_comments(api: Api, reviewer: Person) -> None:
    ids = [str(n) for n in range(ROWS_PER_CHUNK + 50)]
    await api.feed.send(*(arrival(id, f"第 {id} 条") for id in ids))
    await review(api, reviewer, "positive", *ids)
    await api.feed.send(tombstone("7", at=10))
    lines = (await export(api, reviewer)).splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(id for id in ids if id != "7")


async def test_an_export_without_reviews_is_empty(api: Api, reviewer: Person) -> None:
    assert await export(api, reviewer, format="csv") == ",".join(COLUMNS) + "\r\n"
    assert await export(api, reviewer, format="jsonl") == ""


async def test_the_export_is_a_named_attachment(api: Api, reviewer: Person) -> None:
    answer = await api.anonymous.get(EXPORT, params={"format": "csv"}, headers=reviewer.bearer)
    assert answer.headers["content-disposition"] == 'attachment; filename="liuyan-reviews.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("format", ["csv", "jsonl"])
async def test_training_reads_the_export(api: Api, reviewer: Person, tmp_path: Path, format: str) -> None:
    await api.feed.send(arrival("1", AWKWARD), arrival("2", "说不清"), arrival("3", "很好"))
    await review(api, reviewer, "negative", "1")
    await review(api, reviewer, "unclear", "2")
    await review(api, reviewer, "positive", "3")
    file = tmp_path / f"reviews.{format}"
    answer = await api.anonymous.get(EXPORT, params={"format": format}, headers=reviewer.bearer)
    await asyncio.to_thread(file.write_bytes, answer.content)
    with open_comments(file, ColumnOptions(labels=True)) as comments:
        labelled = [(row.text, positive) for row, positive in comments.labelled()]
    assert labelled == [(AWKWARD, False), ("说不清", None), ("很好", True)]
    reviews = newest_of_each_text(read_reviews(file))
    assert [(one.text, one.positive) for one in reviews] == [(AWKWARD, False), ("很好", True)]
