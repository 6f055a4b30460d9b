"""A running API server switches to a promoted model; a request in progress finishes with the model it began with."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from api.metrics import Metrics
from api.predictor import Predictor
from benchmarks.comments import spread_comments
from model.artifact import SHIPPED, read_artifact
from model.labeller import load_labeller
from tests.api.test_serve import serving
from tests.models import promote, register_artifact, write_reordered

pytestmark = [pytest.mark.timeout(120), pytest.mark.programs]

TEXT = "物流很快，包装也好，就是有点贵"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact with another vocabulary than the shipped one's."""
    return write_reordered(tmp_path_factory.mktemp("models") / "other")


async def until(is_true: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Wait until the condition is true. Raises TimeoutError."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await is_true():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.05)


async def test_a_server_switches_within_ten_seconds(migrated_url: str, other: Path, tmp_path: Path) -> None:
    old, new = load_labeller(SHIPPED), load_labeller(other)
    texts = [f"{number} {text}" for number, text in enumerate(spread_comments(500))]
    async with serving(migrated_url, cache_dir=tmp_path / "cache") as (api, probe):

        async def predict(texts: list[str], **more: Any) -> dict[str, Any]:
            answer = await api.post("/api/v1/predict", json={"texts": texts, **more})
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        async def is_switched() -> bool:
            return bool((await predict([TEXT]))["model"] == new.sha256)

        assert (await predict([TEXT]))["model"] == old.sha256
        number = await register_artifact(migrated_url, other)
        await promote(migrated_url, number)
        answers: list[dict[str, Any]] = []

        async def ask() -> None:
            while not answers or answers[-1]["model"] == old.sha256:
                answers.append(await predict(texts))

        await asyncio.gather(ask(), until(is_switched, 10))
        # Each answer comes from one model, also the one during which the model was switched.
        labellers = {old.sha256: old, new.sha256: new}
        assert {answer["model"] for answer in answers} == labellers.keys()
        for answer in answers:
            expected = [one.probability for one in labellers[answer["model"]].predict(texts)]
            assert [one["probability"] for one in answer["predictions"]] == pytest.approx(expected, abs=1e-5)
        explained = (await predict([TEXT], explain=True))["predictions"][0]
        assert explained["probability"] == pytest.approx(new.predict([TEXT])[0].probability, abs=1e-5)
        assert [word["contribution"] for word in explained["words"]] == pytest.approx(
            [word.contribution for word in new.explain(TEXT).words], abs=1e-4
        )
        [check] = [one for one in (await probe.get("/readyz")).json()["checks"] if one["name"] == "model"]
        assert check["ok"]
        assert f"model {number} (reordered 1, {new.sha256[:12]})" in check["detail"]
        listed = (await api.get("/api/v1/models")).json()["items"]
        assert [(one["sha256"], one["active"], one["loaded"]) for one in listed] == [
            (new.sha256, True, True),
            (old.sha256, False, False),
        ]


async def test_without_the_artifact_the_previous_model_answers_and_readyz_says_so(
    migrated_url: str, other: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.write_text("not a folder")
    async with serving(migrated_url, cache_dir=cache) as (api, probe):
        await promote(migrated_url, await register_artifact(migrated_url, other))

        async def detail() -> str:
            checks = json.loads((await probe.get("/readyz")).text)["checks"]
            return str(next(one["detail"] for one in checks if one["name"] == "model"))

        async def has_failed() -> bool:
            return "cannot be loaded" in await detail()

        await until(has_failed, 10)
        assert "LIUYAN_CACHE_DIR" in await detail()
        assert (await probe.get("/readyz")).status_code == 200
        answer = await api.post("/api/v1/predict", json={"texts": [TEXT]})
        assert answer.json()["model"] == read_artifact(SHIPPED).sha256


async def test_a_replaced_model_is_freed_after_its_last_request(other: Path) -> None:
    first = load_labeller(SHIPPED)
    freed = weakref.ref(first)
    gc.collect()
    gc.disable()  # Reference cycles would keep hundreds of megabytes until a full collection, if not permanently.
    try:
        with Predictor(first, Metrics(CollectorRegistry())) as predictor:
            await predictor.model.predict([TEXT] * 3)
            slow = predictor.model
            predictor.use(load_labeller(other))
            del first
            assert len(await slow.predict([TEXT])) == 1
            assert freed() is not None
            del slow
            await predictor.model.explain(TEXT)
            assert freed() is None
    finally:
        gc.enable()
