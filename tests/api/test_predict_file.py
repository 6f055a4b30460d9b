"""File predictions over REST: streamed, not stored, and without blocking other requests."""

import asyncio
import json
import logging
from typing import Any

import httpx2 as httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from api.metrics import Metrics
from api.predictor import SLICE, BusyError, Predictor
from api.rest.predict_schemas import MAXIMUM_TEXT
from liuyan.text_files import workbook
from model.labeller import Labeller
from store.admin_tables import metadata
from store.store import Store
from tests.api.conftest import Api
from tests.api.test_comments import problem
from tests.api.test_predict import SlowLabeller
from tests.file_cases import CASES
from tests.text_files.damage import damaged_files
from tests.text_files.test_fuzz import read

TEXTS = ["物流很快，包装也好 👍", "客服一直不回复，再也不来了"]
NDJSON = "application/x-ndjson"
SECRET = "这一句不应该被保存"

pytestmark = pytest.mark.timeout(60)


async def send(api: Api, content: bytes, media_type: str = "text/csv", **headers: str) -> httpx.Response:
    return await api.client.post(
        "/api/v1/predict/file", content=content, headers={"content-type": media_type, **headers}
    )


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.split("\n") if line]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_each_line_is_labelled_in_order(api: Api, labeller: Labeller, encoding: str) -> None:
    content = f'id,text\n1,"{TEXTS[0]}"\n\n2,"{TEXTS[1]}"\n'.encode(encoding)
    head, *answered = lines(await send(api, content))
    assert head == {
        "model": labeller.sha256,
        "texts": 2,
        "format": "csv",
        "encoding": "GB18030" if encoding == "gb18030" else "UTF-8",
        "separator": ",",
        "header": True,
        "column": 2,
        "name": "text",
        "multiline": 0,
        "empty": 0,
        "columns": ["id", "text"],
    }
    assert [(one["row"], one["text"], one["label"]) for one in answered] == [
        (2, TEXTS[0], "positive"),
        (4, TEXTS[1], "negative"),
    ]
    for one, prediction in zip(answered, labeller.predict(TEXTS), strict=True):
        assert one["probability"] == pytest.approx(prediction.probability, abs=1e-5)


async def test_five_thousand_lines_of_plain_text(api: Api) -> None:
    content = "\r\n".join(f"{TEXTS[number % 2]}{number}" for number in range(5_000)).encode()
    head, *answered = lines(await send(api, content, "text/plain; charset=utf-8"))
    assert head["texts"] == len(answered) == 5_000
    assert [one["row"] for one in answered] == list(range(1, 5_001))
    assert problem(await send(api, content + "\n再一句".encode(), "text/plain"), 422)["detail"] == (
        "There are more than 5,000 texts: send them in several parts."
    )


async def test_the_charset_of_the_request_is_used(api: Api) -> None:
    text = "再也不來了"
    content = f"text\n{text}\n".encode("big5")
    [head, answered] = lines(await send(api, content, 'text/csv; Charset="Big5"'))
    assert (head["encoding"], answered["text"]) == ("Big5", text)
    for declared in ("", "; charset=utf-8", "; charset=gb18030x"):
        answer = await send(api, content, f"text/csv{declared}")
        assert problem(answer, 422)["code"] == "unreadable_file"


async def test_the_query_selects_the_column(api: Api) -> None:
    content = f"序号,评论内容,备注\n1,{TEXTS[0]},{TEXTS[1]}\n".encode()
    heads = []
    for query in ("", "?column=备注", "?column=3", "?column=3&header=false"):
        answer = await api.client.post(
            f"/api/v1/predict/file{query}", content=content, headers={"content-type": "text/csv"}
        )
        head, *answered = lines(answer)
        heads.append((head["column"], head["name"], [one["text"] for one in answered]))
    assert heads == [
        (2, "评论内容", [TEXTS[0]]),
        (3, "备注", [TEXTS[1]]),
        (3, "备注", [TEXTS[1]]),
        (3, None, ["备注", TEXTS[1]]),
    ]
    refused = await api.client.post(
        "/api/v1/predict/file?column=4", content=content, headers={"content-type": "text/csv"}
    )
    assert "There is no column '4'" in problem(refused, 422)["detail"]


async def test_hints_name_the_parameters_of_the_api(api: Api) -> None:
    unclear = problem(await send(api, b"a,b\n1,2\n"), 422)
    assert unclear["detail"] == "No column looks like comments among 'a', 'b'."
    assert unclear["errors"] == [{"field": "query.column", "detail": "Give its name or number as ?column=."}]
    unknown = problem(await send(api, b"d\xe9j\xe0 re\xe7u"), 422)
    assert [one["field"] for one in unknown["errors"]] == ["header.content-type"]
    assert "--" not in str(unclear) + str(unknown)
    page = (await api.page.get("/admin/detect")).text
    assert all(json.dumps(one["field"]) in page for one in unclear["errors"] + unknown["errors"])


async def test_rows_without_text_are_counted(api: Api) -> None:
    [head, _] = lines(await send(api, f"id,text\n1,{TEXTS[0]}\n2,\n3, \n".encode()))
    assert (head["texts"], head["empty"], head["separator"]) == (1, 2, ",")
    [head, _] = lines(await send(api, f"text\n{TEXTS[0]}\n".encode()))
    assert (head["empty"], head["separator"]) == (0, None)
    [head, _] = lines(await send(api, f"\n{TEXTS[0]}\n".encode(), "text/plain"))
    assert (head["format"], head["empty"]) == ("lines", 1)


async def test_json_lines_and_tab_separated_values_are_read(api: Api) -> None:
    [head, answered] = lines(await send(api, f'{{"id":1,"text":"{TEXTS[0]}"}}'.encode(), "application/x-ndjson"))
    assert (head["format"], head["name"], answered["text"]) == ("jsonl", "text", TEXTS[0])
    [head, answered] = lines(await send(api, f"时间\t评论\n8:00\t{TEXTS[0]}".encode(), "text/tab-separated-values"))
    assert (head["separator"], answered["text"]) == ("\t", TEXTS[0])


async def test_damaged_files_are_labelled_completely_or_rejected(api: Api) -> None:
    cases = ((case.name, case.content) for case in CASES)
    for name, content in [*damaged_files(20, seed=3), *cases]:
        media_type = "application/x-ndjson" if name.endswith("jsonl") else "text/csv"
        answer = await send(api, content, media_type)
        table = read(name, content)
        texts = [row.text for row in table.rows() if row.text.strip()] if table else []
        if any(len(text) > MAXIMUM_TEXT for text in texts) or not texts:
            assert problem(answer, 422)["code"] == "unreadable_file", name
            continue
        head, *answered = lines(answer)
        assert [one["text"] for one in answered] == texts
        assert head["texts"] == len(texts)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "The quote that opens in line 2 is never closed: close it, or double it if it belongs to the text."),
        ("zh-CN", "第 2 行开始的引号没有结束：请补上结束引号；如果引号属于文本，请写两遍。"),
    ],
)
async def test_the_error_for_an_unreadable_file_is_translated(api: Api, language: str, sentence: str) -> None:
    answer = await send(api, 'text\n"好\n'.encode(), **{"accept-language": language})
    found = problem(answer, 422)
    assert (found["code"], found["detail"]) == ("unreadable_file", sentence)


async def test_another_content_type_is_rejected(api: Api) -> None:
    answer = await api.client.post("/api/v1/predict/file", files={"file": ("a.csv", b"a")})
    assert "Content-Type: text/csv, text/plain, application/x-ndjson or the type" in problem(answer, 415)["detail"]


async def test_labelled_texts_are_neither_stored_nor_logged(
    server_api: Api, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    api = server_api
    before = await rows(api.store)
    with caplog.at_level(logging.DEBUG):
        assert len(lines(await send(api, f"{SECRET}\n".encode() * 300))) == 301
        explained = await api.client.post("/api/v1/predict", json={"texts": [SECRET], "explain": True})
        assert explained.status_code == 200
    assert await rows(api.store) == before
    written = caplog.text + "".join(capfd.readouterr())
    assert SECRET not in written


async def rows(store: Store) -> dict[str, int]:
    """Return the number of rows of each table."""
    async with store.reading() as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
        }


async def test_parts_are_streamed_and_alternate_with_other_requests() -> None:
    labeller = SlowLabeller()
    with Predictor(labeller, Metrics(CollectorRegistry()), maximum_waiting=2) as predictor:
        parts = predictor.model.predict_in_parts(["好"] * (2 * SLICE + 1))
        reading = asyncio.ensure_future(anext(parts))
        await asyncio.sleep(0.05)
        single = asyncio.create_task(predictor.model.predict(["好"]))
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await anext(predictor.model.predict_in_parts(["好"]))
        labeller.go.set()
        assert len(await reading) == SLICE
        await single
        assert [len(part) async for part in parts] == [SLICE, 1]
    # The single text did not wait for the whole file.
    assert labeller.slices[:2] == [SLICE, 1]


async def test_a_disconnected_client_stops_the_work() -> None:
    labeller = SlowLabeller()
    labeller.go.set()
    with Predictor(labeller, Metrics(CollectorRegistry()), maximum_waiting=1) as predictor:
        parts = predictor.model.predict_in_parts(["好"] * (50 * SLICE))
        await anext(parts)
        await parts.aclose()
        await asyncio.sleep(0)
        assert len(await predictor.model.predict(["好"])) == 1
    assert len(labeller.slices) < 10


async def send_with(api: Api, content: bytes, query: str, media_type: str = "text/csv") -> httpx.Response:
    return await api.client.post(f"/api/v1/predict/file?{query}", content=content, headers={"content-type": media_type})


async def test_preview_returns_the_first_rows_without_labels(api: Api) -> None:
    content = "id,text\n" + "".join(f"{number},{TEXTS[0]}\n" for number in range(9))
    head, *rows = lines(await send_with(api, content.encode(), "preview=true"))
    assert (head["column"], head["columns"]) == (2, ["id", "text"])
    assert rows == [{"row": number + 2, "cells": [str(number), TEXTS[0]]} for number in range(5)]
    # A file without a column that looks like comments is shown all the same, so that the user can choose.
    head, *rows = lines(await send_with(api, b"a,b\n1,2\n", "preview=true"))
    assert (head["column"], head["columns"], len(rows)) == (None, ["a", "b"], 1)


async def test_cells_are_returned_on_request(api: Api) -> None:
    content = f"id;text;empty\n7;{TEXTS[0]};\n".encode()
    [head, one] = lines(await send_with(api, content, "cells=true"))
    assert (head["separator"], one["cells"]) == (";", ["7", TEXTS[0], ""])
    [_, one] = lines(await send_with(api, f'{{"n": 1, "text": "{TEXTS[0]}"}}\n'.encode(), "cells=true", NDJSON))
    assert one["cells"] == ["1", TEXTS[0]]


async def test_workbooks_are_read_and_written(api: Api) -> None:
    content = workbook.workbook_of([["id", "text"], [1, TEXTS[0]], [2, TEXTS[1]]])
    head, *answered = lines(await send_with(api, content, "cells=true", workbook.MEDIA_TYPE))
    assert (head["format"], head["columns"], [one["label"] for one in answered]) == (
        "csv",
        ["id", "text"],
        ["positive", "negative"],
    )
    answer = await send_with(api, content, "format=xlsx", workbook.MEDIA_TYPE)
    assert answer.headers["content-type"] == workbook.MEDIA_TYPE
    written = workbook.csv_of(answer.content).decode().splitlines()
    assert written[0] == "id,text,Label,Probability of positive,Uncertain"
    assert written[1].startswith(f"1,{TEXTS[0]},Positive,0.")
    assert "cannot be read" in problem(await send_with(api, b"no", "", workbook.MEDIA_TYPE), 422)["detail"]
