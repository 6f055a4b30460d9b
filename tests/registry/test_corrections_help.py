"""Corrections help: a model retrained on reviews from the database is more accurate on comments that were held back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, select, update
from typer.testing import CliRunner

from liuyan.cli import app
from model.artifact import read_artifact
from model.labeller import Labeller
from registry.register import register
from store.audit import Actor
from store.batch import Arrival, Label
from store.comments import ShownLabel
from store.models import read_active
from store.promotion import promote_model
from store.relabel import TextPrediction, add_predictions
from store.reviews import Opinion, add_review
from store.store import Store
from store.tables import comments
from tests.model.fixtures import shop_data
from tests.store.conftest import ready_store
from tests.store.feed import ERASURE_KEY, arrival, feed_of, microseconds, minutes

pytestmark = pytest.mark.trains

LI = Actor(3, "小李", "session", None)
SIZES = ["--words", "300", "--embedding", "4", "--hidden", "4", "--epochs", "2", "--no-snownlp", "--rate", "0.1"]
SAMPLED = 0.4


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["model", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def texts() -> dict[str, tuple[str, bool]]:
    """Return comments of a platform, text and label by id: irony that the data sets lack, and plain praise."""
    irony = {f"i{n}": (f"第{n}次，很好个什么", False) for n in range(250)}
    return irony | {f"p{n}": (f"第{n}次，真的很好", True) for n in range(150)}


def arrivals(labeller: Labeller) -> list[Arrival]:
    found = []
    for id, (text, _) in texts().items():
        [one] = labeller.predict([text])
        label = Label(one.label)
        found.append(arrival(id, text, label=label, probability=one.probability, uncertain=one.uncertain))
    return found


async def publish_and_review(url: str, model: Path) -> None:
    """Store the platform's comments with the model's labels; people review all, those of the sample blindly."""
    async with Store.open(url, audit_share=SAMPLED) as store:
        await store.check_ready(ERASURE_KEY)
        row = (await register(store, model, LI)).model
        if await store.read(read_active) is None:
            await store.write(promote_model, LI, row.number, None)
        feed = await feed_of(store, row.sha256)
        await feed.send(*arrivals(Labeller(read_artifact(model), 0)))
        labels = {id: ShownLabel.POSITIVE if good else ShownLabel.NEGATIVE for id, (_, good) in texts().items()}
        version = microseconds(minutes(0))
        for id, label in labels.items():
            await add_review(store, LI, Opinion("forum", id, version, label))
        async with store.writing() as session:
            # As the audit queue does for blind decisions.
            decided = update(comments).where(comments.c.audit_rank.is_not(None))
            await session.connection.execute(decided.values(blind_label=comments.c.review_label))


async def relabel(url: str, model: Path) -> None:
    """Register the model, and store its predictions for all comments."""
    async with Store.open(url) as store:
        row = (await register(store, model, LI)).model
        items = [
            TextPrediction(one.platform, one.id, one.content.text, one.prediction)
            for one in arrivals(Labeller(read_artifact(model), 0))
        ]
        await store.write(add_predictions, row.number, items)


async def held_back(url: str) -> list[str]:
    async with Store.open(url) as store, store.reading() as connection:
        return list((await connection.execute(select(comments.c.text).where(comments.c.audit_rank % 2 == 0))).scalars())


def test_corrections_improve_held_back_accuracy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = URL.create("sqlite+aiosqlite", database=str(tmp_path / "liuyan.db")).render_as_string()
    monkeypatch.setenv("LIUYAN_DATABASE_URL", url)
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))
    asyncio.run(migrated(url))
    first, second = tmp_path / "first", tmp_path / "second"
    data = shop_data(tmp_path)
    run("train", "--output", first, "--data-dir", data, *SIZES)
    asyncio.run(publish_and_review(url, first))
    output = run("train", "--output", second, "--data-dir", data, "--reviews", "database", *SIZES)
    assert "reviews that were kept aside" in output
    held = asyncio.run(held_back(url))
    assert 50 < len(held) < 120
    metrics = read_artifact(second).metrics
    assert metrics["review_sources"] == ["database"]
    used = metrics["reviews"]["database"]
    assert used["used"] == 400 - len(held)
    assert used["by_reviewer"] == {"deleted account 3": used["used"]}
    assert f"{used['used']:,} reviews from the database were used" in (second / "README.md").read_text()
    assert "小李" not in (second / "README.md").read_text()

    asyncio.run(relabel(url, second))
    found: dict[str, Any] = json.loads(run("compare", "1", "2", "--json"))
    result = found["result"]
    assert (result["old_trained_on"], result["new_trained_on"]) == ("none", "database")
    judged = result["unbiased"]
    assert (judged["sample"], judged["judged"]) == ("held_back", len(held))
    assert judged["old"]["accuracy"]["value"] < 0.7
    assert judged["new"]["accuracy"]["value"] > 0.95
    assert judged["change"]["low"] > 0.2
    assert judged["mcnemar"]["p"] < 1e-6
    assert result["reviews"]["judged"] == 400
    assert len(found["examples"]) >= 10
    assert "什么" in {word["word"] for one in found["examples"] for word in one["new_words"]}
    printed = run("compare", "1", "2", "--platform", "forum", "--from", "2026-01-01")
    assert f"held-back half of the audit sample (random, blind decisions): {len(held)} comments" in printed
    assert "The new model was trained on reviews from the database" in printed


async def migrated(url: str) -> None:
    async with await ready_store(url):
        pass
