"""A real Prometheus: it answers, evaluates its rules and keeps its data across a restart."""

import time
from pathlib import Path

import httpx2 as httpx
import pytest

from local_stack.errors import LocalStackError
from local_stack.prometheus import Prometheus

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]
CONFIGURATION = "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
RULES = "groups: [{name: one, rules: [{record: answer, expr: vector(42)}]}]\n"


def answer(url: str, expression: str) -> list[str]:
    response = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10)
    return [one["value"][1] for one in response.json()["data"]["result"]]


def test_it_records_and_keeps_data(tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text(CONFIGURATION)
    (tmp_path / "rules.yml").write_text(RULES)
    with Prometheus(path) as server:
        deadline = time.monotonic() + 60
        while not answer(server.url, "answer"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        (tmp_path / "rules.yml").write_text("groups: []\n")
        server.restart()
        assert answer(server.url, "last_over_time(answer[5m])") == ["42"]
        folder = server.folder
    assert not folder.exists()


def test_an_invalid_configuration_is_reported_with_the_end_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text("scrape_configs: nothing\n")
    with pytest.raises(LocalStackError, match="Prometheus ended during startup"), Prometheus(path):
        pass
