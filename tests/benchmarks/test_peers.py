"""The peers compute the labels of the shipped network, and the report follows from the stored results."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import numpy
import pytest
import torch

from benchmarks.comments import spread_comments
from benchmarks.peers import results as files
from benchmarks.peers.export import export
from benchmarks.peers.observing import Seen
from benchmarks.peers.programs.sentiment import Sentiment
from benchmarks.peers.report import markdown
from benchmarks.peers.results import Results, SystemResult, load, save
from benchmarks.peers.running import Backlog, Latency, Servers, event, measure_backlog, started
from benchmarks.peers.systems import systems
from benchmarks.peers.targets import targets
from liuyan.errors import UsageError
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from model.artifact import SHIPPED, read_artifact
from model.gru import GruClassifier
from model.network import Network, Shape, pad

TEXTS = [*spread_comments(150), "", "   ", "太贵了!!!!!! http://a.b/c @somebody ", "[哈哈] ＡＢＣ 還不錯", "好" * 900]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    export(folder)
    return folder


@torch.inference_mode()
def reference(texts: list[str]) -> list[float]:
    """Return probabilities of the shipped network without n-grams, as trained."""
    artifact = read_artifact(SHIPPED)
    network = Network(Shape(len(artifact.words), **artifact.configuration.sizes)).eval()
    network.load_state_dict({name: torch.from_numpy(one) for name, one in artifact.weights.items()})
    classifier = GruClassifier(artifact)
    logits = network(
        *pad([tuple(numpy.frombuffer(one.numbers, numpy.int32).tolist()) for one in classifier.prepare(texts)])
    )
    calibrated: list[float] = torch.sigmoid(
        artifact.configuration.scale * logits + artifact.configuration.shift
    ).tolist()
    return calibrated


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_peer_computes_the_shipped_networks_probabilities(model: Path, engine: str) -> None:
    assert Sentiment(model, engine).probabilities(TEXTS) == pytest.approx(reference(TEXTS), abs=1e-5)


def result(session: str, throughput: float, p99: float, cpu: float = 10.0) -> SystemResult:
    runs = [asdict(Backlog(50_000, throughput * share, cpu, 1.0, 2.0, 400_000_000)) for share in (0.9, 1.0, 1.2)]
    latency = [{"of": of, **asdict(Latency(500, 499, 1, 2, p99, 0.3, True))} for of in ("500/s", "50 %")]
    return SystemResult("A title", session, {"torch": "1"}, {"onnx": runs}, latency)


def test_ratios_use_medians_of_one_session() -> None:
    ours, peer = result("1", 4_000, 40, cpu=2), result("1", 1_000, 20)
    found = targets(Results({"1": {}}, {"liuyan": ours, "faststream": peer}))
    assert (found[0].measured, found[0].met) == ("4.00 (A title)", True)
    cpu = next(one for one in found if one.name.startswith("CPU for a backlog"))
    assert (cpu.measured, cpu.met) == ("0.20 (A title)", True)
    half = next(one for one in found if one.name.endswith("relative to faststream"))
    assert (half.measured, half.met) == ("2.00", True)


def test_figures_of_another_session_are_not_compared() -> None:
    found = targets(Results({"1": {}, "2": {}}, {"liuyan": result("2", 4_000, 40), "faststream": result("1", 1, 20)}))
    assert found[0].met is None
    assert all(one.met is None for one in found if "relative to" in one.name)


def test_a_rate_that_a_system_cannot_keep_up_with_has_no_latency() -> None:
    ours = result("1", 4_000, 40)
    ours.latency[0]["kept_up"] = False
    assert ours.at("500/s") is None
    assert "| A title | cannot keep up |" in markdown(Results({"1": {}}, {"liuyan": ours}))


def test_saved_results_are_the_same_after_loading(tmp_path: Path) -> None:
    before = Results({"1": {"cores": 2}}, {"liuyan": result("1", 4_000, 40)})
    save(before, tmp_path / "results.json")
    assert markdown(load(tmp_path / "results.json")) == markdown(before)


def test_damaged_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"systems": []}))
    with pytest.raises(UsageError, match="Remove it"):
        load(tmp_path / "results.json")


def test_the_committed_page_is_generated_from_the_committed_results() -> None:
    assert files.MARKDOWN.read_text() == markdown(load())


def test_a_comment_is_visible_when_its_partition_reaches_it() -> None:
    seen = Seen()
    seen.add(1.0, [1, 0, 0, 0])
    seen.add(2.0, [1, 1, 0, 0])
    seen.add(3.0, [3, 1, 0, 0])
    assert [seen.time_of(number) for number in (0, 1, 2, 4, 8, 12)] == [1.0, 2.0, None, 3.0, 3.0, None]
    assert seen.total == 4


@pytest.mark.long
@pytest.mark.server
@pytest.mark.parametrize("name", ["faststream", "aiokafka"])
def test_a_peer_labels_a_backlog(model: Path, tmp_path: Path, name: str) -> None:
    system = systems()[name]
    with Kafka() as kafka, MySQL() as mysql:
        servers = Servers(kafka, mysql, model, tmp_path)
        done = measure_backlog(servers, system, "onnx", 3_000)
        assert done.throughput > 0
        assert done.cpu_seconds > 0
        made = servers.installation(system)
        asyncio.run(made.publish(event(number, text) for number, text in enumerate(TEXTS) if text))
        with started(servers, system, "onnx", made) as usage:
            made.wait_for(lambda: made.comments() == len(TEXTS) - 1, seconds=60)
            assert usage.runs()
        stored = {int(number): float(value) for number, value in made.query("SELECT id, probability FROM comments")}
    expected = dict(enumerate(reference(TEXTS)))
    assert stored == pytest.approx({number: expected[number] for number in stored}, abs=1e-5)
