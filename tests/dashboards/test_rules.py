"""Prometheus rules: promtool accepts them, and each alert has tests, both ways, and a section of the runbook."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from dashboards.alerts import ALERTS
from dashboards.rules import rules_yaml
from local_stack.prometheus import promtool
from tests.dashboards.panels import FOLDER, ROOT, rules

TESTS = sorted((FOLDER / "prometheus" / "tests").glob("*.yml"))
SECTIONS = ("Meaning.", "Impact.", "Diagnosis.", "Mitigation.")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([promtool(), *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.server
def test_promtool_accepts_rules_and_configuration() -> None:
    for arguments in (("rules", "rules.yml"), ("config", "prometheus.yml")):
        done = run("check", arguments[0], str(FOLDER / "prometheus" / arguments[1]))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path) -> None:
    done = run("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_promtool_notices_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    """The tests above can fail: with an impossible threshold the same test file does."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules.yml").write_text(rules_yaml().replace("> 300 and deriv", "> 300000 and deriv"))
    (tmp_path / "tests" / "consumer.yml").write_text((FOLDER / "prometheus" / "tests" / "consumer.yml").read_text())
    done = run("test", "rules", str(tmp_path / "tests" / "consumer.yml"))
    assert done.returncode != 0
    assert "LiuyanLagGrowing" in done.stdout + done.stderr


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    seen: dict[str, set[bool]] = defaultdict(set)
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for check in test["alert_rule_test"]:
                seen[check["alertname"]].add(bool(check["exp_alerts"]))
    assert {name: kinds for name, kinds in seen.items() if kinds != {True, False}} == {}
    assert seen.keys() == {alert.name for alert in ALERTS}


def test_every_alert_has_what_its_receiver_needs() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len(alerts) == len(ALERTS)
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"].keys() == {"summary", "summary_zh", "runbook_url"}
        assert re.search(r"[\u4e00-\u9fff]", alert["annotations"]["summary_zh"])


def test_every_runbook_link_has_its_section() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", runbook, re.MULTILINE | re.DOTALL))
    assert sections.keys() == {alert.name for alert in ALERTS}
    for rule in rules():
        if "alert" not in rule:
            continue
        file, anchor = rule["annotations"]["runbook_url"].split("#")
        assert (ROOT / file).is_file()
        assert anchor == rule["alert"].lower()
        section = sections[rule["alert"]]
        found = re.findall(r"^\*\*(\w+\.)\*\*", section, re.MULTILINE)
        assert tuple(found) == SECTIONS, rule["alert"]
        assert rule["labels"]["severity"] in section.lower(), rule["alert"]
