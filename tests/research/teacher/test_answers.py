"""Cached answers, the linear teacher, artifacts as teachers, and ensembles."""

from collections.abc import Mapping
from pathlib import Path

import numpy
import pytest

from liuyan.errors import LiuyanError
from model.training.data import Comment, digest
from research.teacher import ensemble
from research.teacher.answers import Answers, Reply, ask
from research.teacher.gru import GruTeacher
from research.teacher.linear import FOLDS, LinearTeacher
from research.train.folds import fold_of
from tests.model.reports import silent


class Counting:
    """A teacher that returns the length of a text as logit and vector, and records the texts."""

    name = "counting"
    digest = "c0ffee" * 8

    def __init__(self, width: int) -> None:
        self.width = width
        self.asked: list[str] = []

    def answer(self, comments: Mapping[str, str]) -> Reply:
        self.asked += comments.values()
        lengths = [len(text) for text in comments.values()]
        vectors = numpy.array([[length] * self.width for length in lengths], numpy.float16)
        return Reply(list(map(float, lengths)), vectors if self.width else None)


@pytest.mark.parametrize("width", [0, 3])
def test_each_text_is_asked_once(tmp_path: Path, width: int) -> None:
    teacher = Counting(width)
    with pytest.raises(LiuyanError, match="there are none yet"):
        Answers(tmp_path, teacher.digest, width).vectors()
    texts = {digest(text): text for text in ("一", "一二", "一二三")}
    ask(teacher, texts, Answers(tmp_path, teacher.digest, width), silent)
    (path,) = tmp_path.iterdir()
    with path.open("ab") as stream:
        stream.write(b"half a")  # an interrupted write
    more = texts | {digest("一二三四"): "一二三四"}
    reopened = Answers(tmp_path, teacher.digest, width)
    ask(teacher, more, reopened, silent)
    assert teacher.asked == ["一", "一二", "一二三", "一二三四"]
    known = Answers(tmp_path, teacher.digest, width).known
    assert known == {key: float(len(text)) for key, text in more.items()}
    assert reopened.known == known
    keys, vectors = reopened.vectors()
    assert {key: vector.tolist() for key, vector in zip(keys, vectors, strict=True)} == {
        key: [float(len(text))] * width for key, text in more.items()
    }


def test_vectors_are_stored_on_request(tmp_path: Path) -> None:
    texts = {digest(text): text for text in ("一", "一二")}
    ask(Counting(300), texts, without := Answers(tmp_path, Counting.digest), silent)
    ask(Counting(300), texts, within := Answers(tmp_path, Counting.digest, 300), silent)
    assert without.known == within.known == {key: float(len(text)) for key, text in texts.items()}
    sizes = {path.suffix: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {".answers": 2 * 12, ".vectors": 2 * 612}


def test_the_linear_teacher_is_cross_fitted(few_comments: dict[str, Comment]) -> None:
    # A comment with a wrong label and a unique word: a model trained on it would repeat the label.
    odd = Comment("唯独此句唯独此句，很好很好", False, "made_up", 0.0)
    comments = few_comments | {digest(odd.text): odd}
    teacher = LinearTeacher(comments, silent)
    assert teacher.answer({digest(odd.text): odd.text}).logits[0] > 0
    answers = teacher.answer({key: one.text for key, one in few_comments.items()}).logits
    correct = [(answer > 0) == one.positive for answer, one in zip(answers, few_comments.values(), strict=True)]
    assert sum(correct) / len(correct) > 0.99
    assert {fold_of(key, FOLDS) for key in few_comments} == set(range(FOLDS))
    assert LinearTeacher(few_comments, silent).digest != teacher.digest


def test_an_artifact_as_a_teacher(tiny_artifact: Path) -> None:
    good, bad = GruTeacher(tiny_artifact).answer({"a": "早餐很好，喜欢", "b": "早餐很差，讨厌"}).logits
    assert good > 1
    assert bad < -1


def test_an_ensemble_weights_accurate_teachers() -> None:
    validation = {f"{n:016x}": Comment("", n % 2 == 0, "a" if n < 150 else "b", float(n % 2 == 0)) for n in range(200)}
    signs = {key: 1.0 if one.positive else -1.0 for key, one in validation.items()}
    good = {key: sign * (1 if n % 7 else -1) for n, (key, sign) in enumerate(signs.items())}
    noise = {key: (-1.0) ** (n // 2) for n, key in enumerate(signs)}
    known = {"good": good, "noise": noise}
    fitted = ensemble.fit(known, ["good", "noise"], validation)
    assert fitted.weights["good"] > 1
    assert fitted.weights["noise"] < 0.2
    # Calibrated: correct six times out of seven.
    assert fitted.probability({"good": 1.0, "noise": 0.0}) == pytest.approx(6 / 7, abs=0.03)


def test_an_ensemble_uses_the_teachers_that_answered() -> None:
    validation = {f"{n:016x}": Comment("", n % 2 == 0, "a", float(n % 2 == 0)) for n in range(40)}
    known = {
        "all": {key: 1.0 if one.positive else -1.0 for key, one in validation.items()} | {"f" * 16: 1.0},
        "some": dict.fromkeys(validation, 0.0),
    }
    answers = ensemble.answer(known, [*validation, "f" * 16, "e" * 16], validation)
    assert answers["f" * 16] > 0.9
    assert "e" * 16 not in answers
    assert len(answers) == 41
