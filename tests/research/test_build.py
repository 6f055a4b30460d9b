"""Build the shipped artifact with teachers, answers and student, each step once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.errors import UsageError
from model.artifact import Artifact, read_artifact
from model.training.data import AUGMENTED, NEGATIONS, PLAIN, UNLABELLED, Comment, Part, digest, part_of
from model.training.options import Options
from model.training.trainer import Epoch
from research.build import app
from research.recipe import LABELS_NEGATIONS, Callbacks, Recipe, build, texts_to_ask
from research.teacher.corpus import Corpus
from tests.model.reports import silent

pytestmark = pytest.mark.trains

SMALL = Options(epochs=2, words=300, embedding=8, hidden=8, dropout=0.0, rate=3e-2, averaging=0.5, batch=16)
RECIPE = Recipe(replace(SMALL, teachers_share=0.7), SMALL, encoders={}, grus=2)
ALONE = replace(RECIPE, grus=0, labels=replace(SMALL, epochs=1, rate=1e-3, negations=2.0, neutral=1.0, batch=512))
Build = Callable[[Recipe, str], tuple[list[Epoch], list[str]]]
# This text is in the train part.
AUGMENTATION = {digest("面和粥都很满意"): "面和粥都很满意"}


@pytest.fixture
def corpus(few_comments: dict[str, Comment], request: pytest.FixtureRequest) -> Corpus:
    parts: dict[Part, dict[str, Comment]] = {"train": {}, "validation": {}, "test": {}}
    for key in sorted(few_comments):
        parts[part_of(key)][key] = few_comments[key]
    texts = [f"{thing}和服务，{word}" for thing in "菜茶面粥" for word in ("很好", "很差", "喜欢", "失望")]
    unlabelled = {digest(text): text for text in texts if part_of(digest(text)) == "train"}
    return Corpus(parts, unlabelled, few_comments.keys(), augmented=getattr(request, "param", {}))


@pytest.fixture
def run(corpus: Corpus, tmp_path: Path) -> Build:
    """A function that builds into a folder of that name and returns the epochs of all trainings and the messages."""

    def run(recipe: Recipe, name: str) -> tuple[list[Epoch], list[str]]:
        epochs: list[Epoch] = []
        messages: list[str] = []
        callbacks = Callbacks(silent, epochs.append, lambda row: None, messages.append)
        build(corpus, recipe, tmp_path / "cache", tmp_path / name, callbacks)
        return epochs, messages

    return run


def test_a_student_of_an_ensemble(run: Build, tmp_path: Path) -> None:
    epochs, messages = run(RECIPE, "first")
    assert len(epochs) == 3 * SMALL.epochs
    assert [line.split(" ")[0] for line in messages] == ["linear", "grus", "linear"]
    assert all("accuracy 1.0000" in line or "accuracy 0.9" in line for line in messages)
    metrics = read_artifact(tmp_path / "first").metrics
    assert [one.split()[0] for one in metrics["options"]["teachers"]] == ["linear", "grus"]
    assert metrics["rows"]["train"][UNLABELLED] > 3
    assert metrics["test"]["pooled"]["accuracy"] > 0.9
    assert (
        "70% of a comment's target is the probability from teachers" in (tmp_path / "first" / "README.md").read_text()
    )


def test_finished_steps_are_not_repeated(run: Build, tmp_path: Path) -> None:
    run(RECIPE, "first")
    epochs, _ = run(replace(RECIPE, asking=False), "second")
    assert len(epochs) == SMALL.epochs
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


def test_final_epochs_on_labels_only(run: Build, tmp_path: Path) -> None:
    epochs, _ = run(ALONE, "first")
    assert [one.epoch for one in epochs] == [1, 2, 1]
    (taught,) = (tmp_path / "cache").glob("taught-*")
    before, metrics = read_artifact(taught), read_artifact(tmp_path / "first").metrics
    assert metrics["before"]["sha256"] == before.sha256
    assert "teachers" in before.metrics["options"]
    assert not metrics["options"]["teachers"]
    assert {NEGATIONS, PLAIN} < metrics["rows"]["train"].keys()
    assert UNLABELLED not in metrics["rows"]["train"]


def test_a_finished_student_is_not_trained_again(run: Build, corpus: Corpus, tmp_path: Path) -> None:
    def killed(epoch: Epoch) -> None:
        if any((tmp_path / "first").glob("*.safetensors")):
            raise KeyboardInterrupt  # in the last epoch

    callbacks = Callbacks(silent, killed, lambda row: None, lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        build(corpus, ALONE, tmp_path / "cache", tmp_path / "first", callbacks)
    epochs, _ = run(ALONE, "first")
    assert [one.epoch for one in epochs] == [1]
    assert read_artifact(tmp_path / "first").metrics["test"]["pooled"]["accuracy"] > 0.9


def test_other_options_train_another_student(run: Build, tmp_path: Path) -> None:
    run(ALONE, "first")
    epochs, _ = run(replace(ALONE, student=replace(ALONE.student, teachers_share=0.5)), "second")
    assert [one.epoch for one in epochs] == [1, 2, 1]
    assert len(list((tmp_path / "cache").glob("taught-*"))) == 2


def test_other_answers_train_another_student(run: Build, tmp_path: Path) -> None:
    run(ALONE, "first")
    (answers,) = (tmp_path / "cache" / "answers").iterdir()
    answers.write_bytes(answers.read_bytes()[:-24])  # without the last two answers
    epochs, _ = run(replace(ALONE, asking=False), "second")
    assert [one.epoch for one in epochs] == [1, 2, 1]
    assert len(list((tmp_path / "cache").glob("taught-*"))) == 2


def test_other_options_train_other_grus(run: Build) -> None:
    run(RECIPE, "first")
    epochs, _ = run(replace(RECIPE, gru=replace(SMALL, dropout=0.1)), "second")
    assert len(epochs) == 3 * SMALL.epochs


def test_start_from_an_artifact_that_is_also_a_teacher(run: Build, tiny_artifact: Path, tmp_path: Path) -> None:
    start = read_artifact(tiny_artifact)
    run(replace(RECIPE, grus=0, earlier=(tiny_artifact,), start=start), "next")
    built = read_artifact(tmp_path / "next")
    assert built.words == start.words
    assert built.metrics["options"]["start"] == start.sha256


def test_order_of_texts_to_ask(corpus: Corpus) -> None:
    corpus = replace(corpus, augmented=AUGMENTATION)
    texts = texts_to_ask(corpus)
    assert list(texts)[: len(corpus.parts["validation"])] == list(corpus.parts["validation"])
    assert list(texts)[-1:] == list(AUGMENTATION)
    assert set(texts) == {*corpus.parts["validation"], *corpus.parts["train"], *corpus.unlabelled, *AUGMENTATION}


@pytest.mark.parametrize("corpus", [AUGMENTATION], indirect=True)
def test_augmented_texts_are_used_and_reported(run: Build, tmp_path: Path) -> None:
    run(RECIPE, "first")
    assert read_artifact(tmp_path / "first").metrics["rows"]["train"][AUGMENTED] == len(AUGMENTATION)
    assert "| augmented | 1 | 0 | 0 | generated from the train parts" in (tmp_path / "first" / "README.md").read_text()


def test_augmenting_needs_an_encoder(run: Build, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Add one, or use --augmented 0"):
        run(replace(RECIPE, augmented=10), "first")
    assert not (tmp_path / "cache").exists()


def test_a_student_narrower_than_its_initial_model(run: Build, tiny_artifact: Path, tmp_path: Path) -> None:
    narrow = replace(RECIPE, student=replace(SMALL, hidden=4), start=read_artifact(tiny_artifact))
    with pytest.raises(UsageError, match="--hidden 4 is less than the 8 of --start"):
        run(narrow, "first")
    assert not (tmp_path / "cache").exists()


def test_build_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_artifact: Path) -> None:
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"1,第{number}次来，很好\n0,第{number}次来，很差\n" for number in range(60))
    (data / "shop.csv").write_text(f"label,text\n{rows}", encoding="utf-8")
    alone = ["--e5-comments", 0, "--bge-comments", 0, "--grus", 0]
    small = [*alone, "--no-rated", "--no-snownlp", "--epochs", 1, "--negations", 0, "--neutral", 0]

    def built(name: str, *more: object) -> tuple[Artifact, list[str]]:
        arguments = ["--output", tmp_path / name, "--data-dir", data, *small, *more]
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code == 0
        return read_artifact(tmp_path / name), result.stdout.splitlines()

    trained, lines = built("model", "--start", tiny_artifact)
    assert trained.configuration.sizes == read_artifact(tiny_artifact).configuration.sizes
    assert lines[0].startswith("linear ")
    assert lines[-1] == f"model written to {tmp_path / 'model'}"
    assert trained.metrics["before"]["rows"]["train"]
    assert trained.metrics["options"]["negations"] == LABELS_NEGATIONS
    narrow, _ = built("narrow", "--hidden", 5, "--teachers-share", 0.9, "--labels-alone", 0)
    assert narrow.configuration.sizes == {"embedding": 128, "hidden": 5}
    assert narrow.metrics["options"]["teachers_share"] == 0.9
