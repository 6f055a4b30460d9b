"""The review settings of an account over REST: number keys and quick reasons."""

import pytest

from tests.api.conftest import Api
from tests.api.test_comments import problem

pytestmark = pytest.mark.timeout(60)


async def test_review_settings_are_read_and_changed(api: Api) -> None:
    me = (await api.client.get("/api/v1/account")).json()
    assert (me["number_keys"], me["quick_reasons"]) == ("save", [])
    wanted = {"number_keys": "confirm", "quick_reasons": [" 反话 ", "广告", "反话"]}
    changed = await api.client.patch("/api/v1/account", json=wanted)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["number_keys"], changed.json()["quick_reasons"]) == ("confirm", ["反话", "广告"])
    # What is left out stays.
    kept = (await api.client.patch("/api/v1/account", json={"language": "zh"})).json()
    assert (kept["number_keys"], kept["quick_reasons"]) == ("confirm", ["反话", "广告"])
    emptied = (await api.client.patch("/api/v1/account", json={"quick_reasons": []})).json()
    assert emptied["quick_reasons"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"number_keys": "never"},
        {"number_keys": None},
        {"quick_reasons": ["x" * 41]},
        {"quick_reasons": ["一\n二"]},
        {"quick_reasons": [str(n) for n in range(10)]},
        {"quick_reasons": None},
    ],
)
async def test_wrong_review_settings_are_refused(api: Api, wrong: dict[str, object]) -> None:
    problem(await api.client.patch("/api/v1/account", json=wrong), 422)
    assert (await api.client.get("/api/v1/account")).json()["number_keys"] == "save"
