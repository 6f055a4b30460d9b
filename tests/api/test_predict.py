"""Predictions over REST: results, limits and a responsive event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx2 as httpx
import pytest
from prometheus_client import CollectorRegistry

from api.metrics import Metrics
from api.predictor import SLICE, BusyError, Predictor
from model.labeller import CacheStatistics, Labeller, Prediction
from tests.api.conftest import Api
from tests.api.test_comments import problem

TEXTS = ["物流很快，包装也好 👍", "客服一直不回复，再也不来了", "一般般"]

pytestmark = pytest.mark.timeout(60)


class SlowLabeller(Labeller):
    """Waits for ``go`` before it answers, and records its threads and the sizes of its batches."""

    sha256 = "c" * 64

    def __init__(self) -> None:
        self.go = threading.Event()
        self.threads: set[str] = set()
        self.slices: list[int] = []

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        assert self.go.wait(10)
        self.threads.add(threading.current_thread().name)
        self.slices.append(len(texts))
        return [Prediction("positive", 0.75, False) for _ in texts]

    def cache_statistics(self) -> CacheStatistics:
        return CacheStatistics(0, 0, 0)


async def post(api: Api, texts: object) -> httpx.Response:
    return await api.client.post("/api/v1/predict", json={"texts": texts})


async def test_predictions_are_those_of_the_model(api: Api, labeller: Labeller) -> None:
    answer = await post(api, TEXTS)
    assert answer.status_code == 200
    assert answer.json()["model"] == labeller.sha256
    expected = labeller.predict(TEXTS)
    assert [one["label"] for one in answer.json()["predictions"]] == [one.label for one in expected]
    assert [one["uncertain"] for one in answer.json()["predictions"]] == [one.uncertain for one in expected]
    for one, other in zip(answer.json()["predictions"], expected, strict=True):
        assert one["probability"] == pytest.approx(other.probability, abs=1e-5)
    assert [one.label for one in expected[:2]] == ["positive", "negative"]


async def test_a_thousand_texts_keep_their_order(api: Api) -> None:
    answer = await post(api, [TEXTS[number % 2] for number in range(1_000)])
    assert [one["label"] for one in answer.json()["predictions"]] == ["positive", "negative"] * 500


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ([], "body.texts"),
        (["好"] * 1_001, "body.texts"),
        (["好", ""], "body.texts.1"),
        (["好" * 10_001], "body.texts.0"),
        (["a\0b"], "body.texts.0"),
        ([7], "body.texts.0"),
        ("好", "body.texts"),
        (None, "body.texts"),
    ],
)
async def test_the_error_names_the_invalid_text(api: Api, texts: object, field: str) -> None:
    found = problem(await post(api, texts), 422)
    assert [error["field"] for error in found["errors"]] == [field]


@pytest.mark.parametrize("text", ["好" * 10_000, "👍", " ", "\ufeff", "‮", "\u200d"])
async def test_unusual_texts_are_labelled(api: Api, text: str) -> None:
    answer = await post(api, [text])
    assert answer.status_code == 200
    assert 0 <= answer.json()["predictions"][0]["probability"] <= 1


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 422, "body: not JSON at character 1."),
        (b'{"texts": ["\\ud800"]}', 422, "unicode string"),
        (b'{"texts": ["\xff"]}', 400, "The body is not JSON in UTF-8"),
        (b"[" * 60_000, 400, "The body is not JSON in UTF-8"),
        (b"[" * 100_000, 413, "The request contains too many values: send fewer at once."),
        (b'{"texts": [' + b"{}," * 100_000, 413, "The request contains too many values"),
        (b'{"texts": [' + b'"",' * 100_000 + b'""]}', 413, "The request contains too many values"),
        (b'{"texts": ["' + b'\\"' * 100_000, 422, "body: not JSON at character 11."),
        (b"[1]", 422, "body: Input should be a JSON object, in braces."),
        (b'{"texts": ["a"], "model": "b"}', 422, "Extra inputs are not permitted"),
    ],
)
async def test_an_invalid_body_is_rejected(api: Api, body: bytes, status: int, sentence: str) -> None:
    answer = await api.client.post("/api/v1/predict", content=body, headers={"content-type": "application/json"})
    assert sentence in problem(answer, status)["detail"]


async def test_the_error_for_a_form_asks_for_json(api: Api) -> None:
    answer = await api.client.post("/api/v1/predict", data={"texts": "好"})
    assert "Content-Type: application/json" in problem(answer, 422)["detail"]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_rejected(api: Api, announced: bool) -> None:
    body = b'{"texts": ["' + b"a" * 8_500_000 + b'"]}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = body if announced else pieces()
    answer = await api.client.post("/api/v1/predict", content=content, headers={"content-type": "application/json"})
    refused = problem(answer, 413)
    assert refused["code"] == "body_too_large"
    assert refused["detail"] == "The request is too large: send at most 8 MiB at once."


async def test_json_errors_are_translated(api: Api) -> None:
    headers = {"content-type": "application/json", "accept-language": "zh"}
    sentences = {b"[1]": "body: 应为 JSON 对象，用花括号括起.", b"{": "body: 不是 JSON（在第 1 个字符处）."}
    for body, sentence in sentences.items():
        answer = await api.client.post("/api/v1/predict", content=body, headers=headers)
        assert problem(answer, 422)["detail"] == sentence


async def test_other_requests_are_answered_while_the_model_runs(api: Api) -> None:
    labeller = SlowLabeller()
    with Predictor(labeller, Metrics(CollectorRegistry())) as predictor:
        api.app.state.services = replace(api.services, predictor=predictor)
        working = asyncio.create_task(post(api, ["好"]))
        await asyncio.sleep(0.05)
        for _ in range(5):
            assert (await api.client.get("/api/v1/comments")).status_code == 200
        assert not working.done()
        labeller.go.set()
        assert (await working).status_code == 200


async def test_one_thread_labels_all_texts_in_slices() -> None:
    labeller = SlowLabeller()
    labeller.go.set()
    with Predictor(labeller, Metrics(CollectorRegistry())) as predictor:
        await asyncio.gather(*(predictor.model.predict(["好"] * (SLICE + 1)) for _ in range(3)))
    assert len(labeller.threads) == 1
    assert sorted(labeller.slices) == [1, 1, 1, SLICE, SLICE, SLICE]
    # Requests alternate: none waits for another to finish.
    assert labeller.slices[:3] == [SLICE, SLICE, SLICE]


async def test_a_full_queue_answers_with_retry_after(api: Api) -> None:
    labeller = SlowLabeller()
    with Predictor(labeller, Metrics(CollectorRegistry()), maximum_waiting=2) as predictor:
        waiting = [asyncio.create_task(predictor.model.predict(["好"])) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await predictor.model.predict(["好"])
        api.app.state.services = replace(api.services, predictor=predictor)
        answer = await post(api, ["好"])
        assert problem(answer, 503)["code"] == "busy"
        assert answer.headers["retry-after"] == "2"
        labeller.go.set()
        assert len(await asyncio.gather(*waiting)) == 2
        assert (await post(api, ["好"])).json()["model"] == "c" * 64


async def test_words_are_explained_with_their_positions(api: Api, labeller: Labeller) -> None:
    text = "👍 物流很快，服务太差"
    answer = await api.client.post("/api/v1/predict", json={"texts": [text, "好"], "explain": True})
    explained, other = answer.json()["predictions"]
    assert [word["text"] for word in explained["words"]] == [word.text for word in labeller.explain(text).words]
    assert all(text[word["start"] : word["end"]] == word["text"] for word in explained["words"])
    worst = min(explained["words"], key=lambda word: word["contribution"])
    assert worst["text"] == "差"
    assert [word["text"] for word in other["words"]] == ["好"]
    assert "words" not in (await post(api, ["好"])).json()["predictions"][0]


async def test_the_number_of_explained_texts_is_limited(api: Api) -> None:
    answer = await api.client.post("/api/v1/predict", json={"texts": ["好"] * 21, "explain": True})
    assert "at most 20 texts are explained at once" in problem(answer, 422)["detail"]
